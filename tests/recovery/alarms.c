/* SPDX-License-Identifier: MIT */
/*
 * alarms: sets alarms and periodic ticks and takes their expirations, in every way that timer offers;
 * anything lost, early or twice is said on standard error and makes the exit status 1. It is two clients at once: a
 * second binding has a ticker of its own, in the same alarm. Ends with `alarms N ticks right`.
 */
#include <stdint.h>
#include <stdio.h>

#include <abi/manifest.h>
#include <abi/timer.h>
#include <perdure/boot.h>
#include <perdure/portal.h>
#include <perdure/service.h>
#include <perdure/slots.h>

#define ROUNDS  24
#define ONCE    20      /* alarms of a round that expire once */
#define STEP_NS 310007u /* several are due at the same tick */
#define TICKER  31
#define TICK_NS 700001u

#define OTHER_NS 430001u /* of the second client's ticker */

/* A client's ticker: what it has counted. */
struct ticker {
    uint32_t portal;
    uint64_t period_ns;
    uint64_t start_ns;
    uint64_t ticks;
};

static int errors;

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

static int64_t timer_of(uint32_t portal, uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2,
                        uint64_t word_3, struct pd_call *call)
{
    *call = (struct pd_call){.word = {word_0, word_1, word_2, word_3}};
    return pd_portal_call(portal, operation, call);
}

static int64_t timer(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2, uint64_t word_3,
                     struct pd_call *call)
{
    return timer_of(SLOT_TIMER, operation, word_0, word_1, word_2, word_3, call);
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

static void ticker_start(struct ticker *ticker, uint32_t portal, uint64_t period_ns)
{
    struct pd_call call;

    *ticker = (struct ticker){portal, period_ns, pd_now_ns(), 0};
    expect("SET of a ticker",
           (uint64_t)timer_of(portal, TIMER_SET, TICKER, ticker->start_ns + period_ns, period_ns, TIMER_ABSOLUTE, &call), 0);
}

/* What the ticker counted is what the clock says. */
static void ticker_check(struct ticker *ticker)
{
    uint64_t before, after;
    struct pd_call call;

    do {
        before = (pd_now_ns() - ticker->start_ns) / ticker->period_ns;
        ticker->ticks += (uint64_t)timer_of(ticker->portal, TIMER_TAKE, TICKER, 0, 0, 0, &call);
        after = (pd_now_ns() - ticker->start_ns) / ticker->period_ns;
    } while (before != after);
    expect("ticks", ticker->ticks, before);
}

static void ticker_wait(struct ticker *ticker)
{
    struct pd_call call;

    expect("WAIT for a ticker", (uint64_t)timer_of(ticker->portal, TIMER_WAIT, 1u << TICKER, 0, 0, 0, &call), TICKER);
    expect("its first deadline", call.word[2], ticker->start_ns + (ticker->ticks + 1) * ticker->period_ns);
    ticker->ticks += call.word[1];
    ticker_check(ticker);
}

int main(void)
{
    uint32_t other_portal = pd_slot_take();
    struct ticker own, other;
    uint64_t binding;

    expect("binding once more",
           (uint64_t)pd_service_bind(SLOT_SERVICES + SERVICE_NUMBER_TIMER, SLOT_SELF_DOMAIN, other_portal, 0, &binding), 0);
    ticker_start(&own, SLOT_TIMER, TICK_NS);
    ticker_start(&other, other_portal, OTHER_NS);
    for (unsigned round = 0; round < ROUNDS; round++) {
        round_of_alarms();
        ticker_wait(&own);
        ticker_wait(&other);
    }
    ticker_check(&own);
    printf("alarms %u ticks %s\n", ROUNDS * ONCE, errors ? "wrong" : "right");
    return errors != 0;
}
