/* SPDX-License-Identifier: MIT */
/* What sched confirms of its own doing: all that is right, and nothing that differs from it in one bit. */
/* sources: servers/sched/state.c servers/sched/confirm.c */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>

#include "abi/posix_errno.h"
#include "bits.h"
#include "servers/sched/confirm.h"
#include "suite.h"

#define BINDING 7
#define USED    3 /* an entry that is in use, */
#define FREE    5 /* and one that is not */
#define TURNS   10

static struct sched_ssr before, after;
static struct request request;

static uint32_t below(uint32_t limit)
{
    return (uint32_t)random() % limit;
}

static struct sched_entry draw_entry(void)
{
    struct sched_entry entry = {.class = below(SCHED_CLASSES), .level = below(SCHED_LEVELS), .tickets = 1 + below(100),
                                .priority = below(20), .pass = below(1000), .consumed_ns = below(1000)};

    if (below(2)) {
        entry.period_us = SCHED_PERIOD_US_MINIMUM + below(100000);
        entry.budget_us = 1 + below(entry.period_us);
    }
    return entry;
}

static void draw_entries(void)
{
    before = (struct sched_ssr){.magic = SCHED_MAGIC};
    for (uint32_t index = 0; index < SCHED_ENTRIES; index++) {
        if (index != FREE && (index == USED || below(2))) {
            before.entries[index] = draw_entry();
        }
    }
    after = before;
}

static void ask(uint16_t operation, uint64_t word0, uint64_t word1, uint64_t word2)
{
    draw_entries();
    request = (struct request){.binding = BINDING, .operation = operation, .words = {word0, word1, word2}};
}

static bool is_confirmed(void)
{
    return confirm_call(&before, &after, &request);
}

static uint32_t changed; /* the entry that is, SCHED_ENTRIES if none is */

/* How its share is counted is the policy's business, and the priority that it had before the kernel's. */
static bool is_free(unsigned bit)
{
    size_t byte = bit / 8 % sizeof(struct sched_entry);

    return bit / 8 / sizeof(struct sched_entry) == changed &&
           (byte >= offsetof(struct sched_entry, pass) ||
            (request.operation == SCHED_ATTACH && byte / sizeof(uint32_t) * sizeof(uint32_t) == offsetof(struct sched_entry, priority)));
}

/* Each bit of the entries, but of what is free in entry `index`, and of the reply: `words` of them. */
static void expect_every_bit_to_matter(uint32_t index, unsigned words)
{
    unsigned bits = 8 * sizeof(after.entries);

    changed = index;
    ck_assert_msg(is_confirmed(), "operation %u", request.operation);
    ck_assert_uint_eq(first_bit_unseen((uint64_t *)after.entries, bits, is_confirmed, is_free), bits);
    ck_assert_uint_eq(first_bit_unseen(request.reply, 64 * words, is_confirmed, NULL), 64 * words);
}

START_TEST(calls_are_confirmed_and_no_bit_else)
{
    srandom(1);
    for (int turn = 0; turn < TURNS; turn++) {
        struct sched_entry *entry = &after.entries[USED];

        ask(SCHED_ATTACH, FREE, below(SCHED_CLASSES), 0);
        after.entries[FREE] = (struct sched_entry){.class = (uint32_t)request.words[1], .tickets = SCHED_TICKETS_DEFAULT};
        expect_every_bit_to_matter(FREE, 1);
        ask(SCHED_DETACH, USED, 0, 0);
        *entry = (struct sched_entry){0};
        expect_every_bit_to_matter(SCHED_ENTRIES, 1);
        ask(SCHED_SET_CLASS, USED, below(SCHED_CLASSES), 0);
        entry->class = (uint32_t)request.words[1];
        expect_every_bit_to_matter(USED, 1);
        ask(SCHED_SET_LEVEL, USED, below(SCHED_LEVELS), 0);
        entry->level = (uint32_t)request.words[1];
        expect_every_bit_to_matter(USED, 1);
        ask(SCHED_SET_TICKETS, USED, 1 + below(SCHED_TICKETS_MAXIMUM), 0);
        entry->tickets = (uint32_t)request.words[1];
        expect_every_bit_to_matter(USED, 1);
        ask(SCHED_SET_RESERVATION, USED, 5, SCHED_PERIOD_US_MINIMUM);
        entry->budget_us = 5;
        entry->period_us = SCHED_PERIOD_US_MINIMUM;
        expect_every_bit_to_matter(USED, 1);
        ask(SCHED_GET, USED, 0, 0);
        request.reply[0] = entry->class;
        request.reply[1] = entry->level | (uint64_t)entry->tickets << 32;
        request.reply[2] = entry->budget_us | (uint64_t)entry->period_us << 32;
        expect_every_bit_to_matter(SCHED_ENTRIES, 3);
        ask(SCHED_YIELD, USED, 0, 0);
        expect_every_bit_to_matter(SCHED_ENTRIES, 0);
        ask(SCHED_SET_LEVEL, USED, SCHED_LEVELS, 0);
        request.reply[0] = (uint64_t)-PE_INVAL;
        expect_every_bit_to_matter(SCHED_ENTRIES, 1);
    }
}
END_TEST

static void expect_refusal(uint16_t operation, uint64_t word0, uint64_t word1, uint64_t word2, int64_t reason)
{
    static const int64_t others[] = {-PE_INVAL, -PE_BUSY, -PE_NOSYS};

    ask(operation, word0, word1, word2);
    request.reply[0] = (uint64_t)reason;
    ck_assert_msg(is_confirmed(), "operation %u, words %lu, %lu, %lu", operation, word0, word1, word2);
    for (unsigned index = 0; index < 3; index++) {
        request.reply[0] = (uint64_t)others[index];
        ck_assert(is_confirmed() == (others[index] == reason));
    }
}

START_TEST(refusals_are_confirmed_only_where_there_is_a_reason)
{
    expect_refusal(SCHED_ATTACH, SCHED_ENTRIES, 0, 0, -PE_INVAL);
    expect_refusal(SCHED_ATTACH, FREE, SCHED_CLASSES, 0, -PE_INVAL);
    expect_refusal(SCHED_ATTACH, USED, 0, 0, -PE_BUSY);
    expect_refusal(SCHED_ATTACH, FREE, 0, 0, -PE_ACCES);
    expect_refusal(SCHED_DETACH, FREE, 0, 0, -PE_INVAL);
    expect_refusal(SCHED_SET_CLASS, USED, SCHED_CLASSES, 0, -PE_INVAL);
    expect_refusal(SCHED_SET_TICKETS, USED, 0, 0, -PE_INVAL);
    expect_refusal(SCHED_SET_TICKETS, USED, SCHED_TICKETS_MAXIMUM + 1, 0, -PE_INVAL);
    expect_refusal(SCHED_SET_RESERVATION, USED, 1, 0, -PE_INVAL);
    expect_refusal(SCHED_SET_RESERVATION, USED, 0, SCHED_PERIOD_US_MINIMUM, -PE_INVAL);
    expect_refusal(SCHED_SET_RESERVATION, USED, SCHED_PERIOD_US_MINIMUM + 1, SCHED_PERIOD_US_MINIMUM, -PE_INVAL);
    expect_refusal(SCHED_SET_RESERVATION, USED, 1, SCHED_PERIOD_US_MINIMUM - 1, -PE_INVAL);
    expect_refusal(SCHED_SET_RESERVATION, USED, 1, SCHED_PERIOD_US_MAXIMUM + 1, -PE_INVAL);
    expect_refusal(SCHED_SET_RESERVATION, USED, SCHED_PERIOD_US_MAXIMUM, SCHED_PERIOD_US_MAXIMUM, -PE_NOSPC);
    expect_refusal(SCHED_SET_POLICY, SCHED_CLASSES, 0, 0, -PE_INVAL);
    expect_refusal(SCHED_SET_POLICY, 0, SCHED_POLICIES, 0, -PE_INVAL);
    expect_refusal(SCHED_GET_POLICY, SCHED_CLASSES, 0, 0, -PE_INVAL);
    expect_refusal(SCHED_AUDIT + 1, 0, 0, 0, -PE_NOSYS);
    expect_refusal(0, 0, 0, 0, -PE_NOSYS);
}
END_TEST

START_TEST(runners_that_are_not_the_entries_are_found_out)
{
    static struct table table;

    srandom(2);
    draw_entries();
    table.runners[table.count++] = (struct runner){.binding = BINDING + 1, .entry = USED};
    for (uint32_t index = 0; index < SCHED_ENTRIES; index++) {
        if (entry_is_used(&before.entries[index])) {
            ck_assert(!confirm_runners(&table, BINDING, &before));
            table_put(&table, BINDING, index, &before.entries[index]);
        }
    }
    ck_assert(confirm_runners(&table, BINDING, &before));
    for (uint32_t index = 1; index < table.count; index++) {
        struct runner *runner = &table.runners[index], kept = *runner;
        uint32_t *fields[] = {&runner->binding, &runner->entry, &runner->class, &runner->level,
                              &runner->tickets, &runner->budget_us, &runner->period_us};

        for (unsigned field = 0; field < sizeof(fields) / sizeof(fields[0]); field++) {
            for (unsigned bit = 0; bit < 32; bit++) {
                *fields[field] ^= 1u << bit;
                ck_assert(!confirm_runners(&table, BINDING, &before));
                *runner = kept;
            }
        }
    }
    table.runners[table.count] = table.runners[1]; /* twice */
    table.count++;
    ck_assert(!confirm_runners(&table, BINDING, &before));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched_confirm");
    TCase *tests = tcase_create("sched_confirm");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, calls_are_confirmed_and_no_bit_else);
    tcase_add_test(tests, refusals_are_confirmed_only_where_there_is_a_reason);
    tcase_add_test(tests, runners_that_are_not_the_entries_are_found_out);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
