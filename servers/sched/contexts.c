/* SPDX-License-Identifier: MIT */
/* Scheduling contexts, as the kernel has them. Rule: contexts.h. */
#include "contexts.h"

#include "perdure/boot.h"
#include "perdure/thread.h"
#include "servers/common/server.h"
#include "state.h"

#define PLACE     0
#define AT_ONCE   1 /* a time that is past */
#define NS_PER_US 1000u
#define TICK_NS   1000000u /* of the kernel's clock: until it, a period that has ended is not renewed */

static uint64_t class_policy(const struct runner *runner)
{
    return sched_region()->policy[runner->class];
}

/* Put the runner's context into the slot for use. False: it is gone. */
static bool hold(struct runner *runner)
{
    if (!runner->gone && service_use(runner->binding, runner->entry, PLACE) != PD_OK) {
        runner->gone = true;
    }
    return !runner->gone;
}

static bool told(struct runner *runner, int64_t status)
{
    runner->gone = status != PD_OK;
    return !runner->gone;
}

static bool set_all(struct runner *runner, const struct settings *settings)
{
    return told(runner, pd_invoke_4(SLOT_USED + PLACE, SCHED_CONTEXT_SET, settings->priority, settings->budget_us,
                                    settings->period_us, settings->background));
}

/* Whether the kernel keeps the runner's reservation; what is left of it in this period. */
static bool read_reservation(struct runner *runner)
{
    uint64_t words[4];

    if (!told(runner, pd_sched_context_budget(SLOT_USED + PLACE, words))) {
        return true;
    }
    runner->remaining_ns = words[0];
    runner->next_ns = words[1];
    /* The kernel counts in ticks of its clock: within one of them it is the same. */
    return (words[2] + NS_PER_US / 2) / NS_PER_US == runner->budget_us &&
           (words[3] + NS_PER_US / 2) / NS_PER_US == runner->period_us;
}

/* A reservation begins once: to set it again would give its budget again. */
static void look_at_reservation(struct runner *runner)
{
    struct settings settings = {class_priority(runner->class), SCHED_REST_PRIORITY, runner->budget_us, runner->period_us};

    if (read_reservation(runner)) {
        if (!runner->known) {
            runner->applied = settings;
            runner->applied.priority = 0; /* unknown: it will be told */
            runner->known = true;
        }
        return;
    }
    if (set_all(runner, &settings)) {
        runner->applied = settings;
        runner->known = true;
        read_reservation(runner);
    }
}

static void look_at(struct runner *runner)
{
    struct pd_call call = {0};

    if (!hold(runner) || !told(runner, pd_invoke(SLOT_USED + PLACE, SCHED_CONTEXT_INFO, &call))) {
        runner->ready = false;
        return;
    }
    runner->consumed_ns = call.word[0];
    runner->ready = call.word[2];
    if (class_policy(runner) == SCHED_DEADLINE && runner->budget_us) {
        look_at_reservation(runner);
    }
}

/* Tell the kernel what was decided; false: it knows. */
static bool apply(struct runner *runner)
{
    const struct settings *wanted = &runner->wanted, *applied = &runner->applied;
    bool same_budget = runner->known && !runner->renew && wanted->budget_us == applied->budget_us &&
                       wanted->period_us == applied->period_us;

    if ((same_budget && wanted->priority == applied->priority && wanted->background == applied->background) ||
        !hold(runner)) {
        return false;
    }
    if (same_budget) {
        told(runner, pd_sched_context_set_priority(SLOT_USED + PLACE, wanted->priority, wanted->background));
    } else {
        set_all(runner, wanted);
    }
    runner->applied = *wanted;
    runner->known = true;
    runner->renew = false;
    return true;
}

static void decide(uint32_t class, const struct runner *yielding)
{
    struct sched_region *region = sched_region();

    policy_decide(&sched_table, class, region->policy[class], &region->pass[class], yielding);
}

/* Ask for the next event. */
static void arm(uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    for (uint32_t class = 0; class < SCHED_CLASSES; class++) {
        uint64_t deadline_ns = policy_deadline(&sched_table, class, sched_region()->policy[class], now_ns);

        next_ns = deadline_ns < next_ns ? deadline_ns : next_ns;
    }
    if (next_ns < now_ns && now_ns - next_ns > TICK_NS) {
        server_panic(SCHED_PANIC_TIME); /* the event would come at once, and again and again */
    }
    service_alarm(next_ns == UINT64_MAX ? 0 : next_ns, EVENT_DECIDE);
}

/* In an event: passes that were counted anew go into their clients' SSRs, as many as one transaction takes. */
static void keep_passes(void)
{
    struct sched_ssr *ssr = server_ssr();

    for (uint32_t index = 0; index < sched_table.count; index++) {
        struct runner *runner = &sched_table.runners[index];
        int64_t status = runner->rebased ? service_open_ssr(runner->binding) : PD_AGAIN;

        if (status == PD_BUSY) {
            return;
        }
        if (status == PD_OK) {
            ssr->entries[runner->entry].pass = runner->pass;
            ssr->entries[runner->entry].consumed_ns = runner->base_ns;
            service_close_ssr();
        }
        runner->rebased = false; /* if its region is locked away, nobody ever asks for it */
    }
}

void contexts_touch(void)
{
    service_alarm(AT_ONCE, EVENT_DECIDE);
}

void contexts_schedule(void)
{
    uint64_t now_ns = pd_now_ns();

    for (uint32_t index = 0; index < sched_table.count; index++) {
        look_at(&sched_table.runners[index]);
    }
    for (uint32_t class = 0; class < SCHED_CLASSES; class++) {
        decide(class, NULL);
    }
    for (uint32_t index = 0; index < sched_table.count; index++) {
        apply(&sched_table.runners[index]);
    }
    keep_passes();
    arm(now_ns);
}

void contexts_yield(struct runner *yielding)
{
    for (uint32_t index = 0; index < sched_table.count; index++) {
        if (sched_table.runners[index].class == yielding->class) {
            look_at(&sched_table.runners[index]);
        }
    }
    decide(yielding->class, yielding);
    for (uint32_t index = 0; index < sched_table.count; index++) {
        if (sched_table.runners[index].class == yielding->class && &sched_table.runners[index] != yielding) {
            apply(&sched_table.runners[index]);
        }
    }
    /* Last, since this call runs on its time: what is left of it, the reply, waits for those that go first. */
    if (!apply(yielding) && hold(yielding)) {
        told(yielding, pd_sched_context_set_priority(SLOT_USED + PLACE, yielding->applied.priority,
                                                     yielding->applied.background));
    }
}

bool contexts_arrived(uint32_t slot, uint64_t *consumed_ns, uint32_t *priority)
{
    uint64_t type, rights, badge;
    struct pd_call call = {0};

    if (pd_identify(slot, &type, &rights, &badge) != PD_OK || type != OBJECT_SCHED_CONTEXT ||
        (rights & (RIGHT_USE | RIGHT_MANAGE)) != (RIGHT_USE | RIGHT_MANAGE) ||
        pd_invoke(slot, SCHED_CONTEXT_INFO, &call) != PD_OK) {
        return false;
    }
    *consumed_ns = call.word[0];
    *priority = (uint32_t)call.word[1];
    return true;
}

void contexts_release(const struct runner *runner, uint32_t priority)
{
    if (service_use(runner->binding, runner->entry, PLACE) == PD_OK) {
        pd_sched_context_set(SLOT_USED + PLACE, priority, 0, 0); /* nobody is there who could be told that it is gone */
    }
}

bool contexts_agree(const struct runner *runner)
{
    struct pd_call call = {0};

    if (!runner->known || runner->gone || service_use(runner->binding, runner->entry, PLACE) != PD_OK ||
        pd_invoke(SLOT_USED + PLACE, SCHED_CONTEXT_INFO, &call) != PD_OK) {
        return true;
    }
    return call.word[1] == runner->applied.priority || (runner->applied.budget_us && call.word[1] == runner->applied.background);
}
