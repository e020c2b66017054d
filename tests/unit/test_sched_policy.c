/* SPDX-License-Identifier: MIT */
/* The scheduler's policies, on a machine of one processor that dispatches as the kernel does. */
/* sources: servers/sched/policy.c servers/sched/state.c */
#include <check.h>
#include <stdlib.h>

#include "servers/sched/state.h"
#include "suite.h"

#define TICK_NS 1000000u
#define CLASS SCHED_SHARED

/* What the kernel has of each runner besides what is in the table. */
struct context {
    uint64_t budget_ns, period_ns, left_ns, next_ns;
    uint32_t priority, background;
    uint64_t asleep_until_ns;
    uint64_t turn; /* when it ran last: equals take turns */
};

static struct table table;
static struct context contexts[SCHED_RUNNERS];
static struct sched_region region;
static uint64_t now_ns, decide_ns, turns;

static void reset(void)
{
    table = (struct table){0};
    region = (struct sched_region){.policy = {SCHED_DEADLINE, SCHED_FIXED, SCHED_SHARE, SCHED_FIXED}};
    now_ns = decide_ns = turns = 0;
    for (unsigned index = 0; index < SCHED_RUNNERS; index++) {
        contexts[index] = (struct context){0};
    }
}

static struct runner *add(uint32_t class, uint32_t tickets)
{
    struct sched_entry entry = {.class = class, .tickets = tickets, .pass = region.pass[class]};
    struct runner *runner = table_put(&table, 1 + table.count, 0, &entry);

    ck_assert_ptr_nonnull(runner);
    return runner;
}

static struct runner *reserve(uint32_t budget_us, uint32_t period_us)
{
    struct runner *runner = add(SCHED_REALTIME, 1);
    struct context *context = &contexts[runner - table.runners];

    runner->budget_us = budget_us;
    runner->period_us = period_us;
    *context = (struct context){budget_us * 1000ul, period_us * 1000ul, budget_us * 1000ul,
                                now_ns + period_us * 1000ul, 0, 0, 0, 0};
    return runner;
}

static void look(void)
{
    for (uint32_t index = 0; index < table.count; index++) {
        table.runners[index].ready = contexts[index].asleep_until_ns <= now_ns;
        table.runners[index].remaining_ns = contexts[index].left_ns;
        table.runners[index].next_ns = contexts[index].next_ns;
    }
}

static void decide(const struct runner *yielding)
{
    look();
    for (uint32_t class = 0; class < SCHED_CLASSES; class++) {
        policy_decide(&table, class, region.policy[class], &region.pass[class], yielding);
    }
    decide_ns = UINT64_MAX;
    for (uint32_t index = 0; index < table.count; index++) {
        struct runner *runner = &table.runners[index];
        struct context *context = &contexts[index];

        context->priority = runner->wanted.priority;
        context->background = runner->wanted.background;
        if (region.policy[runner->class] != SCHED_DEADLINE) {
            context->budget_ns = context->left_ns = runner->wanted.budget_us * 1000ul;
        }
    }
    for (uint32_t class = 0; class < SCHED_CLASSES; class++) {
        uint64_t next_ns = policy_deadline(&table, class, region.policy[class], now_ns);

        decide_ns = next_ns < decide_ns ? next_ns : decide_ns;
    }
}

static uint32_t priority_of(const struct context *context)
{
    return context->budget_ns && context->left_ns == 0 ? context->background : context->priority;
}

/* The highest that is ready runs until the next tick, or for `part_ns` of it. NULL: nobody. */
static struct runner *tick(uint64_t part_ns)
{
    struct runner *chosen = NULL;

    for (uint32_t index = 0; index < table.count; index++) {
        struct context *context = &contexts[index], *best = chosen ? &contexts[chosen - table.runners] : NULL;

        if (context->period_ns && now_ns >= context->next_ns) {
            context->next_ns += context->period_ns;
            context->left_ns = context->budget_ns;
        }
        if (context->asleep_until_ns <= now_ns &&
            (!best || priority_of(context) > priority_of(best) ||
             (priority_of(context) == priority_of(best) && context->turn < best->turn))) {
            chosen = &table.runners[index];
        }
    }
    if (decide_ns <= now_ns) {
        decide(NULL);
        return tick(part_ns);
    }
    now_ns += TICK_NS;
    if (chosen) {
        struct context *context = &contexts[chosen - table.runners];

        chosen->consumed_ns += part_ns;
        context->left_ns = context->left_ns > part_ns ? context->left_ns - part_ns : 0;
        context->turn = ++turns;
    }
    return chosen;
}

static void run(unsigned milliseconds)
{
    for (unsigned turn = 0; turn < milliseconds; turn++) {
        tick(TICK_NS);
    }
}

static double share(const struct runner *runner, uint64_t before_ns, unsigned milliseconds)
{
    return (double)(runner->consumed_ns - before_ns) / (milliseconds * 1e6);
}

START_TEST(shares_are_those_of_the_tickets_within_one_per_cent_of_a_second)
{
    static const uint32_t tickets[][4] = {{1, 1, 1, 1}, {100, 200, 300, 400}, {1000, 1, 1, 998}, {7, 11, 13, 17}};

    for (unsigned set = 0; set < 4; set++) {
        struct runner *runners[4];
        double sum = 0;

        reset();
        for (unsigned index = 0; index < 4; index++) {
            runners[index] = add(CLASS, tickets[set][index]);
            sum += tickets[set][index];
        }
        run(1000);
        for (unsigned index = 0; index < 4; index++) {
            ck_assert_double_eq_tol(share(runners[index], 0, 1000), tickets[set][index] / sum, 0.01);
        }
    }
}
END_TEST

/* What counts is what was consumed, not how often it was chosen: one of them uses a third of each tick only. */
START_TEST(uneven_quanta_even_out)
{
    struct runner *greedy, *modest;

    reset();
    greedy = add(CLASS, 100);
    modest = add(CLASS, 100);
    for (unsigned turn = 0; turn < 4000; turn++) {
        if (tick(TICK_NS) == modest) {
            modest->consumed_ns -= TICK_NS * 2 / 3;
        }
    }
    ck_assert_double_eq_tol((double)modest->consumed_ns / (double)greedy->consumed_ns, 1, 0.01);
}
END_TEST

START_TEST(who_wakes_up_has_saved_nothing)
{
    struct runner *awake, *sleeper;

    reset();
    awake = add(CLASS, 100);
    sleeper = add(CLASS, 100);
    contexts[1].asleep_until_ns = 500 * TICK_NS;
    run(500);
    ck_assert_uint_ge(awake->consumed_ns, 495 * TICK_NS);
    run(100);
    ck_assert_double_eq_tol(share(sleeper, 0, 100), 0.5, 0.05); /* and not all of it */
    ck_assert(sleeper->rebased);
}
END_TEST

START_TEST(no_tickets_are_needed_when_nobody_else_wants_to_run)
{
    struct runner *small;

    reset();
    add(CLASS, 1000);
    small = add(CLASS, 1);
    contexts[0].asleep_until_ns = UINT64_MAX;
    run(100);
    ck_assert_uint_eq(small->consumed_ns, 100 * TICK_NS);
}
END_TEST

/* The last choice stands for ever, as when the scheduler is dead: it starves nobody of the class. */
START_TEST(an_old_choice_starves_nobody)
{
    struct runner *first, *second;

    reset();
    first = add(CLASS, 900);
    second = add(CLASS, 100);
    decide(NULL);
    decide_ns = UINT64_MAX;
    run(1000);
    ck_assert_double_eq_tol(share(first, 0, 1000), 0.5, 0.01);
    ck_assert_double_eq_tol(share(second, 0, 1000), 0.5, 0.01);
}
END_TEST

START_TEST(fixed_priorities_are_kept_and_equals_take_turns)
{
    struct runner *low, *high, *equal;

    reset();
    region.policy[CLASS] = SCHED_FIXED;
    low = add(CLASS, 1000);
    high = add(CLASS, 1);
    equal = add(CLASS, 500);
    high->level = equal->level = 2;
    run(1000);
    ck_assert_uint_eq(low->consumed_ns, 0);
    ck_assert_uint_eq(high->consumed_ns, equal->consumed_ns);
    ck_assert_uint_eq(policy_deadline(&table, CLASS, SCHED_FIXED, now_ns), UINT64_MAX);
}
END_TEST

/* 20 of 50 and 32 of 70 ms: 86 %, more than fixed priorities by rate can keep, and less than deadlines can. */
static unsigned missed(uint32_t policy)
{
    uint64_t done[2] = {0, 0}, due_ns[2] = {50 * TICK_NS, 70 * TICK_NS};
    static const uint64_t budgets[2] = {20, 32}, periods[2] = {50, 70};
    unsigned misses = 0;

    reset();
    region.policy[SCHED_REALTIME] = policy;
    reserve(20000, 50000)->level = 1;
    reserve(32000, 70000);
    add(SCHED_BACKGROUND, 1);
    for (unsigned turn = 0; turn < 3500; turn++) {
        struct runner *ran = tick(TICK_NS);

        for (unsigned index = 0; index < 2; index++) {
            if (ran == &table.runners[index] && ++done[index] == budgets[index]) {
                contexts[index].asleep_until_ns = due_ns[index]; /* until its next period */
            }
            if (now_ns == due_ns[index]) {
                misses += done[index] < budgets[index];
                done[index] = 0;
                due_ns[index] += periods[index] * TICK_NS;
            }
        }
    }
    return misses;
}

START_TEST(deadlines_are_met_where_fixed_priorities_miss_them)
{
    ck_assert_uint_eq(missed(SCHED_DEADLINE), 0);
    ck_assert_uint_gt(missed(SCHED_FIXED), 0);
}
END_TEST

START_TEST(who_has_used_up_its_reservation_comes_last)
{
    struct runner *reserved, *other, *without;

    reset();
    reserved = reserve(10000, 100000);
    other = reserve(30000, 200000);
    without = add(SCHED_REALTIME, 1);
    run(1000);
    ck_assert_uint_ge(reserved->consumed_ns, 10 * 10 * TICK_NS);
    ck_assert_uint_ge(other->consumed_ns, 5 * 30 * TICK_NS);
    ck_assert_uint_ge(without->consumed_ns, 200 * TICK_NS);
    ck_assert_uint_eq(reserved->consumed_ns + other->consumed_ns + without->consumed_ns, 1000 * TICK_NS);
}
END_TEST

/* Eight reservations, 88 %: more than there are kernel priorities for deadlines. */
START_TEST(many_reservations_get_their_time)
{
    struct runner *runners[8];

    reset();
    for (uint32_t index = 0; index < 8; index++) {
        runners[index] = reserve(11000 + index * 1100, 100000 + index * 10000);
    }
    add(SCHED_BACKGROUND, 1);
    ck_assert_uint_eq(policy_reserved_per_mille(&table, NULL), 880);
    run(3000);
    for (uint32_t index = 0; index < 8; index++) {
        ck_assert_uint_ge(runners[index]->consumed_ns + 12 * TICK_NS, 330 * TICK_NS);
    }
}
END_TEST

START_TEST(who_yields_goes_behind_the_others)
{
    for (uint32_t policy = SCHED_SHARE; policy <= SCHED_DEADLINE; policy++) {
        struct runner *first, *second;

        reset();
        region.policy[SCHED_REALTIME] = policy;
        first = reserve(20000, 50000);
        second = reserve(20000, 60000);
        first->tickets = 1000;
        decide(NULL);
        ck_assert_uint_gt(first->wanted.priority, second->wanted.priority);
        decide(first);
        ck_assert_uint_gt(second->wanted.priority, first->wanted.priority);
        contexts[1].asleep_until_ns = UINT64_MAX;
        decide(first);
        look();
        ck_assert(policy == SCHED_DEADLINE || first->wanted.priority > second->wanted.priority);
    }
}
END_TEST

START_TEST(classes_are_above_each_other)
{
    for (uint32_t class = 0; class + 1 < SCHED_CLASSES; class++) {
        ck_assert_uint_eq(class_priority(class), class_priority(class + 1) + SCHED_LEVELS);
    }
    ck_assert_uint_eq(class_priority(SCHED_CLASSES - 1), SCHED_LOWEST_PRIORITY);
    ck_assert_uint_lt(SCHED_REST_PRIORITY, SCHED_LOWEST_PRIORITY);
}
END_TEST

START_TEST(reservations_are_rounded_up)
{
    ck_assert_uint_eq(reservation_per_mille(0, 0), 0);
    ck_assert_uint_eq(reservation_per_mille(1, 60000000), 1);
    ck_assert_uint_eq(reservation_per_mille(60000000, 60000000), 1000);
    ck_assert_uint_eq(reservation_per_mille(20000, 50000), 400);
}
END_TEST

START_TEST(the_table_finds_what_was_put_into_it)
{
    struct sched_entry entry = {.tickets = 1};

    reset();
    for (uint32_t index = 0; index < SCHED_RUNNERS; index++) {
        ck_assert_ptr_nonnull(table_put(&table, 1 + index / SCHED_ENTRIES, index % SCHED_ENTRIES, &entry));
    }
    ck_assert_ptr_null(table_put(&table, 1000, 0, &entry));
    ck_assert_ptr_nonnull(table_put(&table, 1, 0, &entry)); /* it is there already */
    table_remove(&table, table_find(&table, 1, 3));
    ck_assert_ptr_null(table_find(&table, 1, 3));
    for (uint32_t index = 0; index < SCHED_RUNNERS; index++) {
        ck_assert(index == 3 || table_find(&table, 1 + index / SCHED_ENTRIES, index % SCHED_ENTRIES));
    }
    ck_assert_ptr_nonnull(table_put(&table, 1000, 0, &entry));
}
END_TEST

START_TEST(what_no_transaction_left_is_seen)
{
    static const struct sched_entry good = {.class = 3, .level = 2, .tickets = 1000, .priority = 31, .budget_us = 5000,
                                            .period_us = 5000, .pass = 7, .consumed_ns = 9};
    static const struct sched_entry bad[] = {
        {.class = 1}, {.level = 1}, {.pass = 1}, {.consumed_ns = 1}, {.tickets = 1001}, {.tickets = 1, .class = 4},
        {.tickets = 1, .level = 3}, {.tickets = 1, .priority = 32}, {.tickets = 1, .reserved = 1},
        {.tickets = 1, .budget_us = 1}, {.tickets = 1, .period_us = 5000}, {.tickets = 1, .budget_us = 5001, .period_us = 5000},
        {.tickets = 1, .budget_us = 1, .period_us = 4999}, {.tickets = 1, .budget_us = 1, .period_us = 60000001},
    };
    struct sched_ssr ssr = {0};

    ck_assert(entries_are_valid(&ssr));
    ssr.entries[7] = good;
    ck_assert(!entries_are_valid(&ssr)); /* no magic */
    ssr.magic = SCHED_MAGIC;
    ck_assert(entries_are_valid(&ssr));
    for (unsigned index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        ssr.entries[index % SCHED_ENTRIES] = bad[index];
        ck_assert_msg(!entries_are_valid(&ssr), "entry %u", index);
        ssr.entries[index % SCHED_ENTRIES] = (struct sched_entry){0};
    }
    region.magic = SCHED_MAGIC;
    ck_assert(region_is_valid(&region));
    region.policy[3] = SCHED_POLICIES;
    ck_assert(!region_is_valid(&region));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched");
    TCase *test_case = tcase_create("policies");

    tcase_add_test(test_case, shares_are_those_of_the_tickets_within_one_per_cent_of_a_second);
    tcase_add_test(test_case, uneven_quanta_even_out);
    tcase_add_test(test_case, who_wakes_up_has_saved_nothing);
    tcase_add_test(test_case, no_tickets_are_needed_when_nobody_else_wants_to_run);
    tcase_add_test(test_case, an_old_choice_starves_nobody);
    tcase_add_test(test_case, fixed_priorities_are_kept_and_equals_take_turns);
    tcase_add_test(test_case, deadlines_are_met_where_fixed_priorities_miss_them);
    tcase_add_test(test_case, who_has_used_up_its_reservation_comes_last);
    tcase_add_test(test_case, many_reservations_get_their_time);
    tcase_add_test(test_case, who_yields_goes_behind_the_others);
    tcase_add_test(test_case, classes_are_above_each_other);
    tcase_add_test(test_case, reservations_are_rounded_up);
    tcase_add_test(test_case, the_table_finds_what_was_put_into_it);
    tcase_add_test(test_case, what_no_transaction_left_is_seen);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
