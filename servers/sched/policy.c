/* SPDX-License-Identifier: MIT */
/* The policies. Rule: policy.h. */
#include "policy.h"

#include <stddef.h>

#define NS_PER_US 1000u
#define LONGEST_US 3600000000u /* that the kernel takes: a budget that is not given again */
#define RANKS SCHED_LEVELS     /* kernel priorities for deadlines */

static bool of_class(const struct runner *runner, uint32_t class)
{
    return runner->class == class && !runner->gone;
}

uint64_t runner_pass(const struct runner *runner)
{
    return runner->pass + (runner->consumed_ns - runner->base_ns) * SCHED_TICKETS_MAXIMUM / runner->tickets;
}

void runner_rebase(struct runner *runner, uint64_t pass)
{
    runner->pass = pass;
    runner->base_ns = runner->consumed_ns;
    runner->rebased = true;
}

uint32_t class_priority(uint32_t class)
{
    return SCHED_LOWEST_PRIORITY + (SCHED_CLASSES - 1 - class) * SCHED_LEVELS;
}

static void decide_fixed(struct table *table, uint32_t class)
{
    for (uint32_t index = 0; index < table->count; index++) {
        struct runner *runner = &table->runners[index];

        if (of_class(runner, class)) {
            runner->wanted = (struct settings){.priority = class_priority(class) + runner->level};
        }
    }
}

/* The ready one with the lowest pass, the first of equals. */
static struct runner *lowest(struct table *table, uint32_t class, const struct runner *except)
{
    struct runner *found = NULL;

    for (uint32_t index = 0; index < table->count; index++) {
        struct runner *runner = &table->runners[index];

        if (of_class(runner, class) && runner->ready && runner != except &&
            (!found || runner_pass(runner) < runner_pass(found))) {
            found = runner;
        }
    }
    return found;
}

static void decide_share(struct table *table, uint32_t class, uint64_t *pass, const struct runner *yielding)
{
    struct runner *first, *chosen;

    for (uint32_t index = 0; index < table->count; index++) {
        struct runner *runner = &table->runners[index];

        if (!of_class(runner, class)) {
            continue;
        }
        if (runner->ready && runner_pass(runner) < *pass) {
            runner_rebase(runner, *pass);
        }
        runner->wanted = (struct settings){.priority = class_priority(class)};
    }
    first = lowest(table, class, NULL);
    chosen = lowest(table, class, yielding);
    if (!first) {
        return;
    }
    if (runner_pass(first) > *pass) {
        *pass = runner_pass(first);
    }
    chosen = chosen ? chosen : first;
    chosen->wanted = (struct settings){class_priority(class) + SCHED_LEVELS - 1, class_priority(class),
                                       SCHED_QUANTUM_US, LONGEST_US};
    chosen->renew = true;
}

/* Whether the time left in this period is wanted earlier by `runner` than by `other`, of `count` that have some. */
static bool goes_before(const struct runner *runner, const struct runner *other, uint32_t count)
{
    /* More than there are priorities: those that are asleep give way, until the next look. */
    if (count > RANKS && runner->ready != other->ready) {
        return runner->ready;
    }
    return runner->next_ns < other->next_ns || (runner->next_ns == other->next_ns && runner < other);
}

static bool has_time_left(const struct runner *runner, uint32_t class)
{
    return of_class(runner, class) && runner->budget_us && runner->remaining_ns;
}

static uint32_t count_with_time_left(const struct table *table, uint32_t class)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < table->count; index++) {
        count += has_time_left(&table->runners[index], class);
    }
    return count;
}

/* How many go before it; at most RANKS - 1 are told apart. */
static uint32_t rank(const struct table *table, const struct runner *runner, uint32_t count,
                     const struct runner *yielding)
{
    uint32_t before = 0;

    if (!has_time_left(runner, runner->class) || runner == yielding) {
        return RANKS - 1;
    }
    for (uint32_t index = 0; index < table->count && before < RANKS - 1; index++) {
        const struct runner *other = &table->runners[index];

        before += other != runner && other != yielding && has_time_left(other, runner->class) &&
                  goes_before(other, runner, count);
    }
    return before;
}

static void decide_deadline(struct table *table, uint32_t class, const struct runner *yielding)
{
    uint32_t count = count_with_time_left(table, class);

    for (uint32_t index = 0; index < table->count; index++) {
        struct runner *runner = &table->runners[index];

        if (!of_class(runner, class)) {
            continue;
        }
        runner->wanted = (struct settings){.priority = SCHED_REST_PRIORITY};
        if (runner->budget_us) {
            runner->wanted = (struct settings){class_priority(class) + RANKS - 1 - rank(table, runner, count, yielding),
                                               SCHED_REST_PRIORITY, runner->budget_us, runner->period_us};
        }
    }
}

void policy_decide(struct table *table, uint32_t class, uint64_t policy, uint64_t *pass, const struct runner *yielding)
{
    switch (policy) {
    case SCHED_SHARE:
        decide_share(table, class, pass, yielding);
        return;
    case SCHED_DEADLINE:
        decide_deadline(table, class, yielding);
        return;
    default:
        decide_fixed(table, class);
    }
}

uint64_t policy_deadline(const struct table *table, uint32_t class, uint64_t policy, uint64_t now_ns)
{
    uint64_t quantum_ns = now_ns + SCHED_QUANTUM_US * NS_PER_US, deadline_ns = UINT64_MAX;
    uint32_t members = 0;

    for (uint32_t index = 0; index < table->count; index++) {
        const struct runner *runner = &table->runners[index];

        if (!of_class(runner, class)) {
            continue;
        }
        members++;
        if (policy == SCHED_DEADLINE && runner->budget_us && runner->next_ns < deadline_ns) {
            deadline_ns = runner->next_ns;
        }
    }
    if (policy == SCHED_DEADLINE && count_with_time_left(table, class) <= RANKS) {
        return deadline_ns;
    }
    return policy != SCHED_FIXED && members > 1 && quantum_ns < deadline_ns ? quantum_ns : deadline_ns;
}

uint32_t reservation_per_mille(uint32_t budget_us, uint32_t period_us)
{
    return period_us ? (uint32_t)(((uint64_t)budget_us * 1000 + period_us - 1) / period_us) : 0;
}

uint32_t policy_reserved_per_mille(const struct table *table, const struct runner *except)
{
    uint32_t sum = 0;

    for (uint32_t index = 0; index < table->count; index++) {
        const struct runner *runner = &table->runners[index];

        if (runner != except && !runner->gone) {
            sum += reservation_per_mille(runner->budget_us, runner->period_us);
        }
    }
    return sum;
}
