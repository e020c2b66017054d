/* SPDX-License-Identifier: MIT */
/* What timer confirms of its own doing: all that is right, and nothing that differs from it in one bit. */
/* sources: servers/timer/state.c servers/timer/heap.c servers/timer/confirm.c */
#include <check.h>
#include <stdlib.h>

#include "abi/posix_errno.h"
#include "bits.h"
#include "servers/timer/confirm.h"
#include "servers/timer/state.h"
#include "suite.h"

#define NOW     1000000u
#define TURNS   40
#define DOUBLES 1000

/* Before a call, after it, and what was asked and answered. */
static struct timer_ssr before, after;
static struct request request;

static uint64_t below(uint64_t limit)
{
    return (uint64_t)random() % limit;
}

/* Alarms around NOW, some of them not set, some with a period, some at the same time. */
static void draw_alarms(void)
{
    before = (struct timer_ssr){.magic = TIMER_MAGIC, .taken = below(100)};
    for (uint32_t index = 0; index < TIMER_ALARMS; index++) {
        if (below(3)) {
            alarm_set(&before.alarms[index], NOW - 20 + below(40), below(2) ? below(50) : 0);
        }
    }
    after = before;
}

static void ask(uint16_t operation, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
    request = (struct request){.operation = operation, .words = {word0, word1, word2, word3}};
}

/* The call done as ops.c does it. */
static void serve(void)
{
    struct timer_alarm *alarm = &after.alarms[request.words[0] % TIMER_ALARMS];
    uint64_t due_ns;
    uint32_t index;

    switch (request.operation) {
    case TIMER_SET:
        request.reply[1] = alarm_remaining(alarm, NOW);
        request.reply[2] = alarm->period_ns;
        after.magic = TIMER_MAGIC;
        alarm_set(alarm, request.words[1] && request.words[3] == TIMER_RELATIVE ? NOW + request.words[1] : request.words[1],
                  request.words[2]);
        return;
    case TIMER_GET:
        request.reply[1] = alarm_remaining(alarm, NOW);
        request.reply[2] = alarm->period_ns;
        request.reply[3] = alarm_count(alarm, NOW);
        return;
    case TIMER_TAKE:
        request.reply[0] = alarms_take(&after, (uint32_t)request.words[0], NOW);
        return;
    default:
        index = alarms_first(&after, request.words[0], &due_ns);
        if (due_ns == ALARM_NEVER) {
            request.reply[0] = (uint64_t)-PE_INVAL;
        } else if (due_ns > NOW) {
            request.reply[0] = (uint64_t)SERVICE_DEFER;
        } else {
            request.reply[1] = alarms_take(&after, index, NOW);
            request.reply[2] = due_ns;
            request.reply[0] = index;
        }
    }
}

static bool is_confirmed(void)
{
    return confirm_call(&before, &after, &request, NOW);
}

/* Every bit of the region and of the reply words that a client is given: `words` of them. */
static void expect_every_bit_to_matter(unsigned words)
{
    ck_assert_msg(is_confirmed(), "operation %u", request.operation);
    ck_assert_uint_eq(first_bit_unseen((uint64_t *)&after, 8 * sizeof(after), is_confirmed, NULL), 8 * sizeof(after));
    ck_assert_uint_eq(first_bit_unseen(request.reply, 64 * words, is_confirmed, NULL), 64 * words);
}

START_TEST(calls_are_confirmed_and_no_bit_else)
{
    srandom(1);
    for (int turn = 0; turn < TURNS; turn++) {
        draw_alarms();
        ask(TIMER_SET, below(TIMER_ALARMS), below(4) ? NOW - 30 + below(60) : 0, below(2) ? below(50) : 0, below(2));
        serve();
        expect_every_bit_to_matter(3);
        draw_alarms();
        ask(TIMER_GET, below(TIMER_ALARMS), 0, 0, 0);
        serve();
        expect_every_bit_to_matter(4);
        draw_alarms();
        ask(TIMER_TAKE, below(TIMER_ALARMS), 0, 0, 0);
        serve();
        expect_every_bit_to_matter(1);
        draw_alarms();
        ask(TIMER_WAIT, below(2) ? 1ul << below(TIMER_ALARMS) : below(1ul << TIMER_ALARMS), 0, 0, 0);
        serve();
        expect_every_bit_to_matter((int64_t)request.reply[0] >= 0 ? 3 : 0);
    }
}
END_TEST

START_TEST(refusals_are_confirmed_only_where_there_is_a_reason)
{
    draw_alarms();
    alarm_set(&before.alarms[3], NOW - 1, 0);
    after = before;
    ask(TIMER_WAIT, 1u << 3, 0, 0, 0);
    request.reply[0] = (uint64_t)-PE_INVAL;
    ck_assert(!is_confirmed());
    request.reply[0] = (uint64_t)-PE_NOSYS;
    ck_assert(!is_confirmed());
    request.reply[0] = (uint64_t)SERVICE_DEFER; /* it is due */
    ck_assert(!is_confirmed());
    request.words[0] = 1ul << TIMER_ALARMS;
    request.reply[0] = (uint64_t)-PE_INVAL;
    ck_assert(is_confirmed());
    after.taken++;
    ck_assert(!is_confirmed());
    after = before;
    ask(TIMER_SET, TIMER_ALARMS, 1, 1, TIMER_ABSOLUTE);
    ck_assert(!is_confirmed());
    request.reply[0] = (uint64_t)-PE_INVAL;
    ck_assert(is_confirmed());
    ask(TIMER_WAIT + 1, 0, 0, 0, 0);
    ck_assert(!is_confirmed());
    request.reply[0] = (uint64_t)-PE_NOSYS;
    ck_assert(is_confirmed());
}
END_TEST

/* The first of the alarms is confirmed, and none of the others, for any of the times. */
START_TEST(only_the_first_alarm_is_the_first)
{
    srandom(2);
    for (int turn = 0; turn < DOUBLES; turn++) {
        uint64_t mask = below(1ul << TIMER_ALARMS), due_ns;
        uint32_t first;

        draw_alarms();
        first = alarms_first(&before, mask, &due_ns);
        ck_assert_uint_eq(confirm_due(&before, mask), due_ns);
        ck_assert(confirm_first(&before, mask, first, due_ns));
        ck_assert(!confirm_first(&before, mask, first, due_ns + 1));
        ck_assert(!confirm_first(&before, mask, first, due_ns - 1));
        for (uint32_t other = 0; due_ns != ALARM_NEVER && other < TIMER_ALARMS; other++) {
            ck_assert(confirm_first(&before, mask, other, due_ns) == (other == first));
        }
    }
}
END_TEST

START_TEST(a_heap_that_differs_in_one_bit_or_entry_is_found_out)
{
    static struct heap heap;
    uint64_t first_ns;

    srandom(3);
    ck_assert(confirm_heap(&heap, &first_ns));
    ck_assert_uint_eq(first_ns, ALARM_NEVER);
    for (uint32_t binding = 0; binding < 40; binding++) {
        heap_put(&heap, binding, 1 + below(1000));
        heap_remove(&heap, (uint32_t)below(40));
        ck_assert(confirm_heap(&heap, &first_ns));
        ck_assert_uint_eq(first_ns, heap_first(&heap) ? heap_first(&heap)->due_ns : ALARM_NEVER);
    }
    for (uint32_t place = 0; place < heap.count; place++) {
        struct heap_entry entry = heap.entries[place];

        ck_assert(confirm_waits(&heap, entry.binding, entry.due_ns));
        ck_assert(!confirm_waits(&heap, entry.binding, entry.due_ns + 1));
        ck_assert(!confirm_waits(&heap, entry.binding, HEAP_NOT_IN));
        for (unsigned bit = 0; bit < 64 + 32; bit++) {
            if (bit < 64) {
                heap.entries[place].due_ns ^= (uint64_t)1 << bit;
            } else {
                heap.entries[place].binding ^= 1u << (bit - 64);
            }
            ck_assert(!confirm_heap(&heap, &first_ns));
            heap.entries[place] = entry;
        }
        heap.entries[place] = heap.entries[(place + 1) % heap.count]; /* one is lost, another in twice */
        ck_assert(!confirm_heap(&heap, &first_ns));
        heap.entries[place] = entry;
    }
    ck_assert(confirm_heap(&heap, &first_ns));
    heap.count--;
    ck_assert(!confirm_heap(&heap, &first_ns));
    heap.count++;
    ck_assert(confirm_waits(&heap, 99, HEAP_NOT_IN));
    ck_assert(!confirm_waits(&heap, 99, 1));
    heap.entries[heap.count++] = heap.entries[0]; /* twice, and nobody who counts knows of it */
    ck_assert(!confirm_waits(&heap, heap.entries[0].binding, heap.entries[0].due_ns));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer_confirm");
    TCase *tests = tcase_create("timer_confirm");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, calls_are_confirmed_and_no_bit_else);
    tcase_add_test(tests, refusals_are_confirmed_only_where_there_is_a_reason);
    tcase_add_test(tests, only_the_first_alarm_is_the_first);
    tcase_add_test(tests, a_heap_that_differs_in_one_bit_or_entry_is_found_out);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
