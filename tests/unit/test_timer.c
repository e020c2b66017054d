/* SPDX-License-Identifier: MIT */
/* Alarms against counting by hand, and the heap against a list. */
/* sources: servers/timer/state.c servers/timer/heap.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "servers/timer/heap.h"
#include "servers/timer/state.h"
#include "suite.h"

#define TIMES 400

/* Every expiration is counted once, however the taking is spread over time. */
START_TEST(expirations_are_counted_once_whenever_they_are_taken)
{
    for (uint64_t period = 0; period < 12; period++) {
        for (uint64_t step = 1; step < 30; step++) {
            struct timer_ssr ssr = {.magic = TIMER_MAGIC};
            uint64_t taken = 0;

            alarm_set(&ssr.alarms[5], 17, period);
            for (uint64_t now = 0; now < TIMES; now++) {
                uint64_t expired = now < 17 ? 0 : period ? (now - 17) / period + 1 : 1;

                ck_assert_uint_eq(alarm_count(&ssr.alarms[5], now), expired - taken);
                if (now % step == 0) {
                    taken += alarms_take(&ssr, 5, now);
                    ck_assert_uint_eq(taken, expired);
                    ck_assert_uint_eq(alarm_count(&ssr.alarms[5], now), 0);
                }
                ck_assert(alarms_are_valid(&ssr));
            }
            ck_assert_uint_eq(ssr.taken, taken);
        }
    }
}
END_TEST

START_TEST(what_remains_is_the_time_to_the_next_expiration)
{
    for (uint64_t period = 0; period < 12; period++) {
        struct timer_alarm alarm;

        alarm_set(&alarm, 17, period);
        for (uint64_t now = 0; now < TIMES; now++) {
            uint64_t next = 17;

            while (next <= now && period) {
                next += period;
            }
            ck_assert_uint_eq(alarm_remaining(&alarm, now), next > now ? next - now : 0);
        }
    }
}
END_TEST

START_TEST(an_alarm_that_is_not_set_never_expires)
{
    struct timer_ssr ssr = {.magic = TIMER_MAGIC};
    uint64_t due_ns;

    alarm_set(&ssr.alarms[0], 0, 1000);
    ck_assert_uint_eq(alarm_count(&ssr.alarms[0], UINT64_MAX), 0);
    ck_assert_uint_eq(alarm_remaining(&ssr.alarms[0], 0), 0);
    ck_assert_uint_eq(alarms_take(&ssr, 0, UINT64_MAX), 0);
    alarms_first(&ssr, 0xffffffff, &due_ns);
    ck_assert_uint_eq(due_ns, ALARM_NEVER);
    ck_assert(alarms_are_valid(&ssr));
}
END_TEST

START_TEST(the_longest_times_do_not_overflow)
{
    struct timer_ssr ssr = {.magic = TIMER_MAGIC};

    alarm_set(&ssr.alarms[0], TIMER_TIME_MAXIMUM, TIMER_TIME_MAXIMUM);
    ck_assert_uint_eq(alarms_take(&ssr, 0, TIMER_TIME_MAXIMUM), 1);
    ck_assert_uint_eq(ssr.alarms[0].due_ns, 2 * TIMER_TIME_MAXIMUM);
    ck_assert(alarms_are_valid(&ssr));
}
END_TEST

START_TEST(of_several_alarms_the_one_that_is_due_first_comes_first)
{
    struct timer_ssr ssr = {.magic = TIMER_MAGIC};
    uint64_t due_ns;

    for (uint32_t index = 0; index < TIMER_ALARMS; index++) {
        alarm_set(&ssr.alarms[index], 1000 + index * 13 % TIMER_ALARMS, 0);
    }
    for (uint64_t due = 1000; due < 1000 + TIMER_ALARMS; due++) {
        uint32_t index = alarms_first(&ssr, 0xffffffff, &due_ns);

        ck_assert_uint_eq(due_ns, due);
        ck_assert_uint_eq(alarms_first(&ssr, 1ul << index, &due_ns), index);
        ck_assert_uint_eq(alarms_take(&ssr, index, due), 1);
        alarms_first(&ssr, 1ul << index, &due_ns);
        ck_assert_uint_eq(due_ns, ALARM_NEVER);
    }
}
END_TEST

START_TEST(what_no_transaction_can_have_left_is_found)
{
    struct timer_ssr ssr = {0};

    ck_assert(alarms_are_valid(&ssr));
    ssr.alarms[31].due_ns = 1;
    ck_assert(!alarms_are_valid(&ssr));
    ssr.magic = TIMER_MAGIC;
    ck_assert(alarms_are_valid(&ssr));
    ssr.alarms[31].due_ns = 2 * TIMER_TIME_MAXIMUM + 1;
    ck_assert(!alarms_are_valid(&ssr));
    ssr.alarms[31] = (struct timer_alarm){1, TIMER_TIME_MAXIMUM + 1};
    ck_assert(!alarms_are_valid(&ssr));
    ssr.alarms[31] = (struct timer_alarm){0, 1};
    ck_assert(!alarms_are_valid(&ssr));
    ssr.alarms[31] = (struct timer_alarm){0, 0};
    ssr.magic = TIMER_MAGIC + 1;
    ck_assert(!alarms_are_valid(&ssr));
    ssr.magic = 0;
    ssr.taken = 1;
    ck_assert(!alarms_are_valid(&ssr));
}
END_TEST

/* Random puts, changes and removals against a table; the first of the heap is always the least of the table.
 */
START_TEST(the_heap_has_the_least_first)
{
    static struct heap heap;
    static uint64_t due[64];

    srandom(1);
    for (int turn = 0; turn < 100000; turn++) {
        uint32_t binding = (uint32_t)random() % 64;
        const struct heap_entry *first;
        uint64_t least = 0;
        uint32_t count = 0;

        if (random() % 3) {
            due[binding] = 1 + (uint64_t)random() % 50;
            ck_assert(heap_put(&heap, binding, due[binding]));
        } else {
            due[binding] = 0;
            heap_remove(&heap, binding);
        }
        for (uint32_t each = 0; each < 64; each++) {
            ck_assert(heap_has(&heap, each) == (due[each] != 0));
            least = due[each] && (!least || due[each] < least) ? due[each] : least;
            count += due[each] != 0;
        }
        first = heap_first(&heap);
        ck_assert_uint_eq(heap.count, count);
        ck_assert_uint_eq(first ? first->due_ns : 0, least);
        ck_assert(!first || due[first->binding] == least);
    }
}
END_TEST

START_TEST(a_full_heap_refuses_new_bindings_only)
{
    static struct heap heap;

    for (uint32_t binding = 0; binding < TIMER_WAITERS; binding++) {
        ck_assert(heap_put(&heap, binding, 1000 - binding % 7));
    }
    ck_assert(!heap_put(&heap, TIMER_WAITERS, 1));
    ck_assert(heap_put(&heap, 9, 1));
    ck_assert_uint_eq(heap_first(&heap)->binding, 9);
    heap_remove(&heap, 9);
    ck_assert(heap_put(&heap, TIMER_WAITERS, 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer");
    TCase *tests = tcase_create("timer");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, expirations_are_counted_once_whenever_they_are_taken);
    tcase_add_test(tests, what_remains_is_the_time_to_the_next_expiration);
    tcase_add_test(tests, an_alarm_that_is_not_set_never_expires);
    tcase_add_test(tests, the_longest_times_do_not_overflow);
    tcase_add_test(tests, of_several_alarms_the_one_that_is_due_first_comes_first);
    tcase_add_test(tests, what_no_transaction_can_have_left_is_found);
    tcase_add_test(tests, the_heap_has_the_least_first);
    tcase_add_test(tests, a_full_heap_refuses_new_bindings_only);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
