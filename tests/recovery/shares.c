/* SPDX-License-Identifier: MIT */
/*
 * shares: threads that are scheduled by sched, and what they got.
 *
 *     shares tickets      of a second each, in proportion to tickets, which change twice
 *     shares deadlines    two periodic threads that fixed priorities could not serve, and one that never ends
 *
 * What is not as it should be is said on standard error and makes the exit status 1. Times are of instructions (the machine
 * counts one as a nanosecond).
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <perdure/boot.h>
#include <perdure/domain.h>
#include <perdure/sched.h>
#include <perdure/slots.h>
#include <perdure/thread.h>

#define THREADS    3
#define STACK_WORDS 512
#define SECOND_NS  1000000000ul
#define MS_NS      1000000ul
#define PRIORITY   2
#define BLOCK      500
#define TOLERANCE_PER_MILLE 10

static uint64_t stacks[THREADS][STACK_WORDS];
static uint32_t contexts[THREADS];
static int errors;

/* Of the periodic threads. */
static const uint64_t periods_ms[2] = {50, 70}, budgets_ms[2] = {20, 32}, work_ms[2] = {18, 30};
static volatile uint64_t jobs[2], misses[2];

/* Instructions that an emulator executes in no time. */
static void work(uint64_t instructions)
{
    for (uint64_t turn = 0; turn < instructions / BLOCK; turn++) {
        __asm__ volatile(".rept 500\n\tnop\n\t.endr");
    }
}

static _Noreturn void spin(uint64_t argument)
{
    (void)argument;
    for (;;) {
        work(1000 * BLOCK);
    }
}

/* A job in each period; it is missed if it ends after that. */
static _Noreturn void periodic(uint64_t number)
{
    uint64_t budget[4];

    do {
        pd_sched_context_budget(contexts[number], budget);
    } while (budget[3] != periods_ms[number] * MS_NS); /* until sched has set the reservation */
    for (;;) {
        uint64_t due_ns = budget[1];

        pd_sleep_until(due_ns);
        due_ns += periods_ms[number] * MS_NS;
        work(work_ms[number] * MS_NS);
        misses[number] += pd_now_ns() > due_ns;
        jobs[number]++;
        budget[1] = due_ns;
    }
}

static int failed(const char *what, int64_t status)
{
    fprintf(stderr, "%s: %ld\n", what, (long)status);
    errors++;
    return -1;
}

static int start(unsigned number, void (*entry)(uint64_t), uint32_t class)
{
    uint32_t thread = pd_slot_take();
    int64_t status;

    contexts[number] = pd_slot_take();
    if (pd_create_thread(SLOT_SELF_DOMAIN, thread, SLOT_SELF_DOMAIN) != PD_OK ||
        pd_create_sched_context(SLOT_SELF_DOMAIN, contexts[number]) != PD_OK ||
        pd_sched_context_set(contexts[number], PRIORITY, 0, 0) != PD_OK ||
        pd_bind_sched_context(thread, contexts[number]) != PD_OK) {
        return failed("making a thread", number);
    }
    status = pd_sched_attach(number, contexts[number], class);
    if (status != 0) {
        return failed("ATTACH", status);
    }
    return pd_thread_start(thread, (uint64_t)entry, (uint64_t)&stacks[number][STACK_WORDS - 1], number) == PD_OK
               ? 0
               : failed("starting a thread", number);
}

static void measure(const uint32_t tickets[THREADS])
{
    uint64_t before[THREADS], got[THREADS], all = 0, sum = 0;

    for (unsigned number = 0; number < THREADS; number++) {
        if (pd_sched_set_tickets(number, tickets[number]) != 0) {
            failed("SET_TICKETS", number);
        }
        sum += tickets[number];
    }
    pd_sleep_until(pd_now_ns() + 2 * MS_NS);
    for (unsigned number = 0; number < THREADS; number++) {
        pd_sched_context_info(contexts[number], &before[number]);
    }
    pd_sleep_until(pd_now_ns() + SECOND_NS);
    for (unsigned number = 0; number < THREADS; number++) {
        pd_sched_context_info(contexts[number], &got[number]);
        got[number] -= before[number];
        all += got[number];
    }
    for (unsigned number = 0; number < THREADS; number++) {
        uint64_t per_mille = (got[number] * 1000 + all / 2) / all, due = (tickets[number] * 1000 + sum / 2) / sum;

        if (per_mille + TOLERANCE_PER_MILLE < due || per_mille > due + TOLERANCE_PER_MILLE) {
            fprintf(stderr, "%u tickets: %lu per mille, not %lu\n", tickets[number], (unsigned long)per_mille,
                    (unsigned long)due);
            errors++;
        }
    }
}

static void tickets(void)
{
    static const uint32_t sets[3][THREADS] = {{100, 200, 300}, {1, 1, 1}, {970, 20, 10}};

    for (unsigned number = 0; number < THREADS; number++) {
        if (start(number, spin, SCHED_SHARED) != 0) {
            return;
        }
    }
    for (unsigned set = 0; set < 3; set++) {
        measure(sets[set]);
    }
}

static void deadlines(void)
{
    for (unsigned number = 0; number < 2; number++) {
        if (start(number, periodic, SCHED_REALTIME) != 0 ||
            pd_sched_set_reservation(number, (uint32_t)budgets_ms[number] * 1000, (uint32_t)periods_ms[number] * 1000) != 0) {
            failed("SET_RESERVATION", number);
            return;
        }
    }
    if (start(2, spin, SCHED_REALTIME) != 0) {
        return;
    }
    if (pd_sched_set_reservation(2, 50, 1000) != -PE_INVAL || pd_sched_set_reservation(2, 10000, 100000) != -PE_NOSPC) {
        failed("a reservation that cannot be kept", 2);
    }
    pd_sleep_until(pd_now_ns() + 3500 * MS_NS);
    for (unsigned number = 0; number < 2; number++) {
        if (misses[number] != 0 || jobs[number] < 3500 / periods_ms[number] - 3) {
            fprintf(stderr, "thread %u: %lu of %lu deadlines missed\n", number, (unsigned long)misses[number],
                    (unsigned long)jobs[number]);
            errors++;
        }
    }
}

int main(int argument_count, char **arguments)
{
    int64_t differences;

    if (argument_count == 2 && strcmp(arguments[1], "tickets") == 0) {
        tickets();
    } else if (argument_count == 2 && strcmp(arguments[1], "deadlines") == 0) {
        deadlines();
    } else {
        fprintf(stderr, "usage: shares tickets|deadlines\n");
        return 2;
    }
    differences = pd_sched_call(SCHED_AUDIT, 0, 0, 0);
    if (differences != 0) {
        failed("AUDIT", differences);
    }
    printf("%s %s\n", arguments[1], errors ? "wrong" : "right");
    return errors != 0;
}
