/* SPDX-License-Identifier: MIT */
/*
 * Scheduling contexts: what is charged to whom, budgets, and who pays for a service. Rule: harness.h; times
 * are exact but for what the kernel itself takes, since the machine counts an instruction as a nanosecond.
 */
#include "harness.h"

#define MIDDLE_PRIORITY 7
#define HIGH_PRIORITY   9
#define BURST_NS        150000ul /* of a thread that works a little and waits */
#define KERNEL_NS       6000ul   /* what a switch of threads and a tick may cost, at most */
#define ROUNDS          40

/* Execute this many instructions. */
static void work(uint64_t instructions)
{
    uint64_t turns = instructions / 2;

    __asm__ volatile("1: decq %0\n\tjnz 1b" : "+r"(turns));
}

static uint64_t consumed(const struct task *task)
{
    uint64_t ns = 0;

    pd_sched_context_info(task->context, &ns);
    return ns;
}

/* What a task consumes in the next `milliseconds`. */
static uint64_t consumed_in(const struct task *task, uint64_t milliseconds)
{
    uint64_t before = consumed(task);

    sleep_ms(milliseconds);
    return consumed(task) - before;
}

static int is_near(uint64_t actual, uint64_t expected, uint64_t tolerance)
{
    return actual + tolerance >= expected && actual <= expected + tolerance;
}

/* Works for a burst each time that scratch[argument] grows. */
static _Noreturn void worker_in_bursts(uint64_t argument)
{
    uint64_t done = 0, bits;

    for (;;) {
        while (done == board()->scratch[argument]) {
            pd_wait(GUEST_NEVER_SLOT, 1, pd_now_ns() + MILLISECOND_NS, &bits);
        }
        done++;
        work(BURST_NS);
        board()->arrived[argument] = done;
    }
}

/* It begins after a tick and has ended before the next: it is charged all the same. */
static const char *time_between_two_ticks_is_charged(void)
{
    struct task task;
    uint64_t before, rounds;

    EXPECT(task_start(&task, worker_in_bursts, 1, LOW_PRIORITY), PD_OK);
    sleep_ms(5);
    before = consumed(&task);
    for (rounds = 1; rounds <= ROUNDS; rounds++) {
        board()->scratch[1] = rounds;
        EXPECT_TRUE(wait_for(&board()->arrived[1], rounds));
    }
    EXPECT_TRUE(consumed(&task) - before >= ROUNDS * BURST_NS);
    EXPECT_TRUE(consumed(&task) - before <= ROUNDS * (BURST_NS + 4 * KERNEL_NS));
    task_end(&task);
    return NULL;
}

/* Of two that are always ready each is charged what it got, and together all there was. */
static const char *what_two_consume_is_all_there_is(void)
{
    struct task tasks[2];
    uint64_t before_ns, first, second;

    for (uint64_t index = 0; index < 2; index++) {
        EXPECT(task_start(&tasks[index], guest_spin, index, LOW_PRIORITY), PD_OK);
    }
    sleep_ms(1);
    before_ns = pd_now_ns();
    first = consumed(&tasks[0]);
    second = consumed(&tasks[1]);
    sleep_ms(199);
    first = consumed(&tasks[0]) - first;
    second = consumed(&tasks[1]) - second;
    EXPECT_TRUE(is_near(first + second, pd_now_ns() - before_ns, 4 * KERNEL_NS));
    EXPECT_TRUE(is_near(first, second, 10 * MILLISECOND_NS)); /* a turn */
    task_end(&tasks[0]);
    task_end(&tasks[1]);
    return NULL;
}

static const char *a_budget_is_kept(void)
{
    struct task task;

    EXPECT(task_start(&task, guest_spin, 1, LOW_PRIORITY), PD_OK);
    EXPECT(pd_sched_context_set(task.context, LOW_PRIORITY, 2000, 20000), PD_OK);
    EXPECT_TRUE(is_near(consumed_in(&task, 400), 40 * MILLISECOND_NS, MILLISECOND_NS));
    /* Its end is seen a tick late; what was too much is taken off the periods that follow. */
    EXPECT(pd_sched_context_set(task.context, LOW_PRIORITY, 300, 10000), PD_OK);
    EXPECT_TRUE(is_near(consumed_in(&task, 400), 12 * MILLISECOND_NS, MILLISECOND_NS));
    EXPECT(pd_sched_context_set(task.context, LOW_PRIORITY, 0, 0), PD_OK); /* no limit any more */
    EXPECT_TRUE(is_near(consumed_in(&task, 100), 100 * MILLISECOND_NS, MILLISECOND_NS));
    EXPECT(pd_sched_context_set(task.context, LOW_PRIORITY, 2, 1), PD_BAD_ARGUMENT);
    EXPECT(pd_sched_context_set(task.context, LOW_PRIORITY, 1, 3600000001), PD_BAD_ARGUMENT);
    EXPECT(pd_sched_context_set_background(task.context, LOW_PRIORITY, 1, 2, LOW_PRIORITY + 1),
           PD_BAD_ARGUMENT);
    task_end(&task);
    return NULL;
}

/* Half the budget in each period: who keeps within it never waits, however long it goes on. */
static const char *a_budget_is_whole_again_in_each_period(void)
{
    struct task task;

    EXPECT(task_start(&task, worker_in_bursts, 1, LOW_PRIORITY), PD_OK);
    EXPECT(pd_sched_context_set(task.context, LOW_PRIORITY, 2 * BURST_NS / 1000, 10000), PD_OK);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        uint64_t before_ns = pd_now_ns();

        board()->scratch[1] = round;
        sleep_ms(9);
        EXPECT(board()->arrived[1], round);
        pd_sleep_until(before_ns + 10 * MILLISECOND_NS);
    }
    task_end(&task);
    return NULL;
}

/* A quarter before all others, the rest after them. */
static const char *without_budget_it_runs_in_the_background(void)
{
    struct task task, other;

    EXPECT(task_start(&task, guest_spin, 1, LOW_PRIORITY), PD_OK);
    EXPECT(pd_sched_context_set_background(task.context, HIGH_PRIORITY, 5000, 20000, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(
        is_near(consumed_in(&task, 200), 200 * MILLISECOND_NS, MILLISECOND_NS)); /* nobody else wants it */
    EXPECT(task_start(&other, guest_spin, 2, MIDDLE_PRIORITY), PD_OK);
    sleep_ms(20);
    EXPECT_TRUE(is_near(consumed_in(&task, 400), 100 * MILLISECOND_NS, 2 * MILLISECOND_NS));
    EXPECT_TRUE(is_near(consumed_in(&other, 400), 300 * MILLISECOND_NS, 2 * MILLISECOND_NS));
    task_end(&other);
    task_end(&task);
    return NULL;
}

/* Calls the random number service over and over. */
static _Noreturn void caller_of_a_service(uint64_t argument)
{
    for (;;) {
        board()->arrived[argument] += portal_ask(SLOT_RNG, 2, 512, 0) >= 0;
    }
}

/* A service has no time of its own for calls: a caller's budget bounds what it does to everybody else. */
static const char *a_caller_pays_for_what_a_service_does(void)
{
    struct task task, other;

    EXPECT(task_start(&task, caller_of_a_service, 1, HIGH_PRIORITY), PD_OK);
    EXPECT(task_start(&other, guest_spin, 2, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(is_near(consumed_in(&task, 100), 100 * MILLISECOND_NS, MILLISECOND_NS));
    EXPECT(board()->arrived[2], 0);
    EXPECT(pd_sched_context_set(task.context, HIGH_PRIORITY, 3000, 10000), PD_OK);
    EXPECT_TRUE(is_near(consumed_in(&task, 400), 120 * MILLISECOND_NS, 2 * MILLISECOND_NS));
    EXPECT_TRUE(is_near(consumed_in(&other, 400), 280 * MILLISECOND_NS, 2 * MILLISECOND_NS));
    EXPECT_TRUE(board()->arrived[1] > 1000);
    task_end(&task);
    task_end(&other);
    return NULL;
}

/* The service is held by a caller that gets no time: who waits for the service lends it time, ahead of the
 * runaway. */
static const char *who_waits_for_a_service_helps_it(void)
{
    struct guest_service service;
    struct task holder, runaway;
    uint64_t before_ns;

    EXPECT(service_start(&service, 256, 0, 1000000), PD_OK);
    EXPECT(task_start(&holder, guest_caller, GUEST_CALL(1, service.portal, GUEST_WORK, 0, 0, 4000),
                      LOW_PRIORITY),
           PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    EXPECT(task_start(&runaway, guest_spin, 2, MIDDLE_PRIORITY), PD_OK);
    sleep_ms(50);
    EXPECT(board()->arrived[1], 1); /* the holder has not been answered: the runaway runs */
    before_ns = pd_now_ns();
    EXPECT(service_ask(&service, GUEST_ADD, 1, 2), 3);
    EXPECT_TRUE(pd_now_ns() - before_ns < 5 * MILLISECOND_NS); /* the rest of 4 ms of work */
    task_end(&runaway);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    task_end(&holder);
    service_stop(&service);
    return NULL;
}

/* The same with a caller whose budget is used up, in the midst of its call. */
static const char *a_caller_without_budget_holds_nobody_up(void)
{
    struct guest_service service;
    struct task holder;
    uint64_t before_ns;

    EXPECT(service_start(&service, 256, 0, 1000000), PD_OK);
    EXPECT(task_start(&holder, guest_caller, GUEST_CALL(1, service.portal, GUEST_WORK, 0, 0, 4000),
                      HIGH_PRIORITY),
           PD_OK);
    EXPECT(pd_sched_context_set(holder.context, HIGH_PRIORITY, 1000, 1000000), PD_OK);
    sleep_ms(20);
    EXPECT(board()->arrived[1], 1);
    before_ns = pd_now_ns();
    EXPECT(service_ask(&service, GUEST_ADD, 1, 2), 3);
    EXPECT_TRUE(pd_now_ns() - before_ns < 5 * MILLISECOND_NS);
    task_end(&holder);
    service_stop(&service);
    return NULL;
}

/* A priority that changes in the midst of a period takes nothing from the budget and adds nothing. */
static const char *a_priority_changes_without_the_budget(void)
{
    struct task task, other;
    uint64_t first[4], second[4], before_ns;

    EXPECT(task_start(&task, guest_spin, 1, LOW_PRIORITY), PD_OK);
    EXPECT(pd_sched_context_budget(task.context, first), PD_OK);
    EXPECT_TRUE(first[0] == 0 && first[1] == 0 && first[2] == 0 && first[3] == 0); /* it has none */
    EXPECT(pd_sched_context_set_background(task.context, HIGH_PRIORITY, 20000, 100000, LOW_PRIORITY), PD_OK);
    EXPECT(pd_sched_context_budget(task.context, first), PD_OK);
    EXPECT(first[0], 20 * MILLISECOND_NS);
    EXPECT_TRUE(is_near(first[1], pd_now_ns() + 100 * MILLISECOND_NS, MILLISECOND_NS));
    EXPECT_TRUE(first[2] == 20 * MILLISECOND_NS && first[3] == 100 * MILLISECOND_NS);
    before_ns = consumed(&task);
    EXPECT(task_start(&other, guest_spin, 2, MIDDLE_PRIORITY), PD_OK);
    for (int turn = 0; turn < 6; turn++) {
        sleep_ms(1);
        EXPECT(pd_sched_context_set_priority(task.context, turn % 2 ? HIGH_PRIORITY : HIGH_PRIORITY - 1, LOW_PRIORITY),
               PD_OK);
    }
    EXPECT(pd_sched_context_budget(task.context, second), PD_OK);
    EXPECT(second[1], first[1]); /* the same period */
    EXPECT_TRUE(is_near(second[0], 20 * MILLISECOND_NS - (consumed(&task) - before_ns), KERNEL_NS));
    EXPECT_TRUE(is_near(consumed_in(&task, 60), second[0], MILLISECOND_NS)); /* the rest of it */
    EXPECT(pd_sched_context_budget(task.context, second), PD_OK);
    EXPECT(second[0], 0);
    EXPECT(pd_sched_context_set_priority(task.context, HIGH_PRIORITY, MIDDLE_PRIORITY + 1), PD_OK);
    EXPECT_TRUE(is_near(consumed_in(&task, 10), 10 * MILLISECOND_NS, MILLISECOND_NS)); /* in the new background */
    EXPECT(pd_sched_context_set_priority(task.context, HIGH_PRIORITY, 0), PD_OK);
    EXPECT(consumed_in(&task, 10), 0); /* in none */
    EXPECT_TRUE(is_near(consumed_in(&task, 40), 20 * MILLISECOND_NS, MILLISECOND_NS)); /* and in the next period */
    EXPECT(pd_sched_context_set_priority(task.context, LOW_PRIORITY, LOW_PRIORITY + 1), PD_BAD_ARGUMENT);
    EXPECT(pd_sched_context_set_priority(task.context, PRIORITY_MAXIMUM + 1, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_sched_context_set_priority(task.context, OWN_PRIORITY + 1, 0), PD_NO_RIGHT);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, task.context, SLOT_SELF_DOMAIN, NO_SLOT, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_sched_context_set_priority(NO_SLOT, LOW_PRIORITY, 0), PD_NO_RIGHT);
    EXPECT(pd_sched_context_budget(NO_SLOT, second), PD_OK);
    pd_delete(SLOT_SELF_DOMAIN, NO_SLOT);
    task_end(&other);
    task_end(&task);
    return NULL;
}

/* What a service uses is seen, on whose time it may be. */
static const char *what_a_service_uses_is_told(void)
{
    const struct service_usage *usage = pd_message();
    struct guest_service service;
    uint64_t own_ns, seen_ticks;

    EXPECT(service_start(&service, 256, 0, 1000000), PD_OK);
    sleep_ms(2); /* its start has a lower priority */
    EXPECT(pd_service_usage(service.service), PD_OK);
    own_ns = usage->own_ns;
    seen_ticks = usage->seen_ticks;
    EXPECT_TRUE(own_ns > 0); /* its start */
    EXPECT_TRUE(usage->regions == 1 && usage->region_bytes == 256);
    EXPECT_TRUE(usage->used_pages > 0 && usage->used_pages <= usage->quota_pages);
    EXPECT(service_ask(&service, GUEST_WORK, 20000, 0), 0);
    EXPECT(pd_service_usage(service.service), PD_OK);
    EXPECT_TRUE(is_near(usage->seen_ticks - seen_ticks, 20, 1)); /* on this program's time: */
    EXPECT(usage->own_ns, own_ns);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, service.service, SLOT_SELF_DOMAIN, NO_SLOT, RIGHT_MANAGE, 0), PD_OK);
    EXPECT(pd_service_usage(NO_SLOT), PD_NO_RIGHT);
    pd_delete(SLOT_SELF_DOMAIN, NO_SLOT);
    service_stop(&service);
    return NULL;
}

const struct test scheduling_tests[] = {
    {"time_between_two_ticks_is_charged", time_between_two_ticks_is_charged},
    {"what_two_consume_is_all_there_is", what_two_consume_is_all_there_is},
    {"a_budget_is_kept", a_budget_is_kept},
    {"a_budget_is_whole_again_in_each_period", a_budget_is_whole_again_in_each_period},
    {"without_budget_it_runs_in_the_background", without_budget_it_runs_in_the_background},
    {"a_caller_pays_for_what_a_service_does", a_caller_pays_for_what_a_service_does},
    {"who_waits_for_a_service_helps_it", who_waits_for_a_service_helps_it},
    {"a_caller_without_budget_holds_nobody_up", a_caller_without_budget_holds_nobody_up},
    {"a_priority_changes_without_the_budget", a_priority_changes_without_the_budget},
    {"what_a_service_uses_is_told", what_a_service_uses_is_told},
    {NULL, NULL},
};
