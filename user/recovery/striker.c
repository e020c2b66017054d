/* SPDX-License-Identifier: MIT */
/*
 * The second thread: crashes services at a priority of its own.
 *
 * Rule: it uses no C library, which has one thread. It is told what to do through `order` and woken by a
 * notification; an order is changed only while it waits.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include <perdure/boot.h>
#include <perdure/domain.h>
#include <perdure/notification.h>
#include <perdure/slots.h>
#include <perdure/thread.h>

#define TARGETS_MAXIMUM 32
#define STACK_BYTES     16384
#define BIT_GO          1
#define BIT_DONE        2
#define LONG_BUDGET_US  1000000
#define STORM_PRIORITY  31
#define STORM_STEP_NS   1000000u
#define STRIKE_LIMIT_NS 2000000000u

static struct {
    uint32_t targets[TARGETS_MAXIMUM];
    uint32_t count;
    volatile uint32_t rounds; /* of a storm that are left; 0: strike each target once */
    uint64_t random;
    volatile uint32_t storming;
    uint32_t over; /* and it has been noticed */
    volatile uint64_t crashes;
} order;

static uint32_t thread_slot;
static uint32_t context_slot;
static uint32_t notification_slot;
static uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));

/* Marsaglia's xorshift64; good enough to choose victims. */
static uint64_t next_random(void)
{
    order.random ^= order.random << 13;
    order.random ^= order.random >> 7;
    order.random ^= order.random << 17;
    return order.random;
}

static void crash(uint32_t number)
{
    if (pd_service_crash(SLOT_SERVICES + number) == PD_OK) {
        order.crashes++;
    }
}

static void storm(void)
{
    for (; order.rounds > 0; order.rounds--) {
        uint32_t blows = 1 + (uint32_t)(next_random() % 3);

        pd_invoke_4(thread_slot, THREAD_SLEEP_UNTIL, pd_now_ns() + next_random() % (3 * STORM_STEP_NS), 0, 0,
                    0);
        while (blows-- > 0) {
            crash(order.targets[next_random() % order.count]);
        }
    }
    order.storming = 0;
}

static _Noreturn void striker_main(void)
{
    for (;;) {
        uint64_t bits;

        pd_wait(notification_slot, BIT_GO, 0, &bits);
        if (order.rounds) {
            storm();
        } else {
            for (uint32_t index = 0; index < order.count; index++) {
                crash(order.targets[index]);
            }
        }
        pd_signal(notification_slot, BIT_DONE);
    }
}

static void must(int64_t status, const char *what)
{
    if (status != PD_OK) {
        printf("%s: %s\n", what, pd_status_text(status));
        exit(2);
    }
}

static void prepare(uint64_t priority)
{
    if (!thread_slot) {
        thread_slot = pd_slot_take();
        context_slot = pd_slot_take();
        notification_slot = pd_slot_take();
        must(pd_create_notification(SLOT_SELF_DOMAIN, notification_slot), "the striker's notification");
        must(pd_create_sched_context(SLOT_SELF_DOMAIN, context_slot), "the striker's scheduling context");
        must(pd_create_thread(SLOT_SELF_DOMAIN, thread_slot, SLOT_SELF_DOMAIN), "the striker's thread");
        must(pd_sched_context_set(context_slot, priority, LONG_BUDGET_US, LONG_BUDGET_US),
             "the striker's priority");
        must(pd_bind_sched_context(thread_slot, context_slot), "binding the striker's scheduling context");
        must(pd_thread_start(thread_slot, (uint64_t)striker_main, (uint64_t)(stack + STACK_BYTES - 8), 0),
             "starting the striker");
    }
    must(pd_sched_context_set(context_slot, priority, LONG_BUDGET_US, LONG_BUDGET_US),
         "the striker's priority");
}

static void set_order(const uint32_t *numbers, uint32_t count, uint32_t rounds)
{
    order.count = count < TARGETS_MAXIMUM ? count : TARGETS_MAXIMUM;
    for (uint32_t index = 0; index < order.count; index++) {
        order.targets[index] = numbers[index];
    }
    order.rounds = rounds;
    order.crashes = 0;
}

void strike(uint64_t priority, const uint32_t *numbers, uint32_t count)
{
    uint64_t bits;

    prepare(priority);
    set_order(numbers, count, 0);
    pd_signal(notification_slot, BIT_GO);
    must(pd_wait(notification_slot, BIT_DONE, pd_now_ns() + STRIKE_LIMIT_NS, &bits),
         "waiting for the striker");
    expect((int64_t)order.crashes, order.count, "crashes that took effect");
}

void begin_storm(const uint32_t *numbers, uint32_t count, uint32_t rounds, uint64_t seed)
{
    prepare(STORM_PRIORITY);
    set_order(numbers, count, rounds);
    order.random = seed | 1;
    order.storming = 1;
    order.over = 0;
    pd_signal(notification_slot, BIT_GO);
}

int storm_is_over(void)
{
    uint64_t bits;

    if (order.storming) {
        return 0;
    }
    if (!order.over) {
        must(pd_wait(notification_slot, BIT_DONE, pd_now_ns() + STRIKE_LIMIT_NS, &bits),
             "waiting for the storm's end");
        order.over = 1;
    }
    return 1;
}

void end_storm(void)
{
    order.rounds = 1; /* the round that is under way */
    while (!storm_is_over()) {
        pd_sleep_until(pd_now_ns() + STORM_STEP_NS);
    }
}

uint64_t storm_crashes(void)
{
    return order.crashes;
}
