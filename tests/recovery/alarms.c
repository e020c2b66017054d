/* SPDX-License-Identifier: MIT */
/*
 * alarms: sets alarms and periodic ticks and takes their expirations, in every way that timer offers;
 * anything lost, early or twice is said on standard error and makes the exit status 1. Ends with `alarms N
 * ticks right`.
 */
#include <stdint.h>
#include <stdio.h>

#include <abi/timer.h>
#include <perdure/boot.h>
#include <perdure/portal.h>

#define ROUNDS  24
#define ONCE    20      /* alarms of a round that expire once */
#define STEP_NS 310007u /* several are due at the same tick */
#define TICKER  31
#define TICK_NS 700001u

static int errors;
static uint64_t ticks;

static void wrong(const char *what, uint64_t actual, uint64_t expected)
{
    fprintf(stderr, "%s: %llu, not %llu\n", what, (unsigned long long)actual, (unsigned long long)expected);
    errors++;
}

static void expect(const char *what, uint64_t actual, uint64_t expected)
{
    if (actual != expected) {
        wrong(what, actual, expected);
    }
}

static int64_t timer(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2, uint64_t word_3,
                     struct pd_call *call)
{
    *call = (struct pd_call){.word = {word_0, word_1, word_2, word_3}};
    return pd_portal_call(SLOT_TIMER, operation, call);
}

/* Deadlines of a round, in another order than that of the alarms' numbers. */
static uint64_t deadline(uint64_t start_ns, unsigned alarm)
{
    return start_ns + (1 + alarm * 7 % ONCE) * STEP_NS;
}

/* Each of the alarms once, in the order of their deadlines, none before its own. */
static void round_of_alarms(void)
{
    uint64_t start_ns = pd_now_ns();
    struct pd_call call;

    for (unsigned alarm = 0; alarm < ONCE; alarm++) {
        expect("SET", (uint64_t)timer(TIMER_SET, alarm, deadline(start_ns, alarm), 0, TIMER_ABSOLUTE, &call),
               0);
    }
    for (unsigned turn = 1; turn <= ONCE; turn++) {
        int64_t alarm = timer(TIMER_WAIT, (1u << ONCE) - 1, 0, 0, 0, &call);

        expect("expirations of an alarm", call.word[1], 1);
        expect("the alarm's deadline", call.word[2], start_ns + turn * STEP_NS);
        expect("deadline of the alarm that came", deadline(start_ns, (unsigned)alarm),
               start_ns + turn * STEP_NS);
        if (pd_now_ns() < start_ns + turn * STEP_NS) {
            wrong("an alarm came early, at", pd_now_ns(), start_ns + turn * STEP_NS);
        }
    }
    expect("WAIT when all are taken", (uint64_t)-timer(TIMER_WAIT, (1u << ONCE) - 1, 0, 0, 0, &call),
           PE_INVAL);
}

/* What the ticker counted is what the clock says. */
static void check_ticks(uint64_t start_ns)
{
    uint64_t before, after;
    struct pd_call call;

    do {
        before = (pd_now_ns() - start_ns) / TICK_NS;
        ticks += (uint64_t)timer(TIMER_TAKE, TICKER, 0, 0, 0, &call);
        after = (pd_now_ns() - start_ns) / TICK_NS;
    } while (before != after);
    expect("ticks", ticks, before);
}

int main(void)
{
    uint64_t start_ns = pd_now_ns();
    struct pd_call call;

    expect("SET of the ticker",
           (uint64_t)timer(TIMER_SET, TICKER, start_ns + TICK_NS, TICK_NS, TIMER_ABSOLUTE, &call), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        round_of_alarms();
        expect("WAIT for the ticker", (uint64_t)timer(TIMER_WAIT, 1u << TICKER, 0, 0, 0, &call), TICKER);
        expect("its first deadline", call.word[2], start_ns + (ticks + 1) * TICK_NS);
        ticks += call.word[1];
        check_ticks(start_ns);
    }
    printf("alarms %u ticks %s\n", ROUNDS * ONCE, errors ? "wrong" : "right");
    return errors != 0;
}
