/* SPDX-License-Identifier: MIT */
/*
 * Services with a thousand clients, and with clients that press on while they die.
 *
 * Rule: how many clients a service has, and what they do, is no matter to any one of them: each finds its own state as it left
 * it. When the crowd has gone nothing of it is left, by the kernel's count.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include <abi/echo.h>
#include <abi/rng.h>
#include <abi/timer.h>
#include <perdure/boot.h>
#include <perdure/domain.h>
#include <perdure/notification.h>
#include <perdure/slots.h>
#include <perdure/thread.h>

#define CROWD_DOMAINS 18   /* with BINDINGS each: more than a thousand */
#define BINDINGS 60
#define DOMAIN_QUOTA 512
#define ACTIVE 15          /* of each service, those of this program that work */
#define CRASHES 20
#define FLOODERS 10
#define FLOOD_PRIORITY 5
#define FLOOD_ROUNDS 200   /* of the storm */
#define STACK_BYTES 4096
#define SETTLE_NS 20000000u
#define SETTLE_ROUNDS 100

static uint32_t crowd_domains[CROWD_DOMAINS];

/* What is left of the machine, when nothing is being given back any more. */
static struct pd_machine settled(void)
{
    struct pd_machine now = {0}, before;
    int still = 0;

    for (int round = 0; round < SETTLE_ROUNDS && still < 3; round++) {
        before = now;
        pd_sleep_until(pd_now_ns() + SETTLE_NS);
        pd_machine(SLOT_SELF_DOMAIN, &now);
        still = now.free_pages == before.free_pages && now.chunks == before.chunks ? still + 1 : 0;
    }
    return now;
}

/* Pages of the capability table, once used, stay with their domain: make them all before anything is counted. */
static void touch_slots(void)
{
    for (uint32_t slot = SLOT_FREE; slot < CAPABILITY_SLOTS; slot += 32) {
        if (pd_create_notification(SLOT_SELF_DOMAIN, slot) == PD_OK) {
            pd_delete(SLOT_SELF_DOMAIN, slot);
        }
    }
}

static void expect_level(const struct pd_machine *before)
{
    struct pd_machine after = settled();

    expect((int64_t)after.chunks, (int64_t)before->chunks, "pieces of the kernel's memory");
    expect((int64_t)after.free_pages, (int64_t)before->free_pages, "free pages of the machine");
}

/* Bindings of domains in which nothing runs: all that they are is their state. */
static void crowd_gather(const uint32_t *services, uint32_t count)
{
    for (uint32_t index = 0; index < CROWD_DOMAINS; index++) {
        uint64_t binding;

        crowd_domains[index] = pd_slot_take();
        expect(pd_create_domain(SLOT_SELF_DOMAIN, crowd_domains[index], DOMAIN_QUOTA), PD_OK, "a domain of the crowd");
        for (uint32_t number = 0; number < BINDINGS; number++) {
            expect(pd_service_bind(SLOT_SERVICES + services[(index + number) % count], crowd_domains[index],
                                   SLOT_FREE + number, 0, &binding),
                   PD_OK, "a binding of the crowd");
        }
    }
}

static void crowd_scatter(void)
{
    for (uint32_t index = 0; index < CROWD_DOMAINS; index++) {
        pd_kill(crowd_domains[index]);
        pd_slot_drop(crowd_domains[index]);
    }
}

/* Each of the three services has a third of the crowd; ten of its clients work, each with a state of its own. */
static void crowd_all(void)
{
    static const uint32_t services[] = {SERVICE_NUMBER_ECHO, SERVICE_NUMBER_RNG, SERVICE_NUMBER_TIMER};
    struct client echo[ACTIVE], rng[ACTIVE], timer[ACTIVE];
    uint64_t stream[ACTIVE][CRASHES], bindings = service_bindings(SERVICE_NUMBER_ECHO);
    struct pd_call call;

    crowd_gather(services, 3);
    for (unsigned index = 0; index < ACTIVE; index++) {
        echo[index] = client_bind(SERVICE_NUMBER_ECHO);
        rng[index] = client_bind(SERVICE_NUMBER_RNG);
        timer[index] = client_bind(SERVICE_NUMBER_TIMER);
        client_expect(&rng[index], RNG_SEED, index, 0, 0, "seeding");
        for (unsigned crash = 0; crash < CRASHES; crash++) {
            client_call(&rng[index], RNG_NEXT, 1, 0, &call);
            stream[index][crash] = call.word[1];
        }
        client_expect(&rng[index], RNG_SEED, index, 0, 0, "seeding");
        call = (struct pd_call){.word = {index, 3600000000000 + index, 0, TIMER_ABSOLUTE}};
        expect(pd_invoke(timer[index].slot, TIMER_SET, &call), PD_OK, "an alarm");
    }
    expect((int64_t)service_bindings(SERVICE_NUMBER_ECHO), (int64_t)bindings + CROWD_DOMAINS * BINDINGS / 3 + ACTIVE,
           "bindings of echo");
    for (unsigned crash = 0; crash < CRASHES; crash++) {
        service_crash(services[crash % 3]);
        service_crash(services[(crash + 1) % 3]);
        for (unsigned index = 0; index < ACTIVE; index++) {
            client_expect(&echo[index], ECHO_TOUCH, 8 * (1 + index), 0, (int64_t)crash + 1, "a counter in the crowd");
            expect(client_call(&rng[index], RNG_NEXT, 1, 0, &call), PD_OK, "a stream in the crowd");
            expect((int64_t)call.word[1], (int64_t)stream[index][crash], "a stream in the crowd");
            expect(client_call(&timer[index], TIMER_GET, index, 0, &call), PD_OK, "an alarm in the crowd");
            expect((int64_t)(call.word[1] + pd_now_ns()) / 1000000000, 3600, "an alarm in the crowd");
        }
    }
    crowd_scatter();
    for (unsigned index = 0; index < ACTIVE; index++) {
        client_unbind(&echo[index]);
        client_unbind(&rng[index]);
        client_unbind(&timer[index]);
    }
    settled();
    expect((int64_t)service_bindings(SERVICE_NUMBER_ECHO), (int64_t)bindings, "bindings of echo afterwards");
}

/* ---- clients that press on ---- */

static struct flooder {
    struct client echo, rng;
    uint32_t thread, context, notification, spare_slot;
    volatile uint64_t rounds, wrong;
    uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));
} flooders[FLOODERS];

static volatile int flooding;

/* Calls, signals and bindings as fast as they go, without the C library. Only its own counter and stream are right. */
static _Noreturn void flood(uint64_t number)
{
    struct flooder *self = &flooders[number];
    uint64_t bits, binding;

    while (flooding) {
        struct pd_call touch = {.word = {8, 0, 0, 0}}, nonsense = {.word = {number, ~number, number << 40, 7}};
        struct pd_call seed = {.word = {5, 0, 0, 0}}, draw = {.word = {RNG_NUMBERS_MAXIMUM, 0, 0, 0}};

        self->wrong += pd_invoke(self->echo.slot, ECHO_TOUCH, &touch) != PD_OK || touch.word[0] != self->rounds + 1;
        self->wrong += pd_invoke(self->rng.slot, RNG_SEED, &seed) != PD_OK;
        self->wrong += pd_invoke(self->rng.slot, RNG_NEXT, &draw) != PD_OK;
        pd_invoke(self->echo.slot, 0x7000 + (uint32_t)number, &nonsense);
        pd_signal(self->notification, UINT64_MAX);
        pd_poll(self->notification, UINT64_MAX, &bits);
        if (pd_service_bind(SLOT_SERVICES + SERVICE_NUMBER_ECHO, SLOT_SELF_DOMAIN, self->spare_slot, 0, &binding) == PD_OK) {
            touch = (struct pd_call){.word = {16, 0, 0, 0}};
            self->wrong += pd_invoke(self->spare_slot, ECHO_TOUCH, &touch) != PD_OK || touch.word[0] != 1;
            pd_delete(SLOT_SELF_DOMAIN, self->spare_slot);
        }
        self->rounds++;
    }
    pd_signal(self->notification, 1);
    for (;;) {
        pd_wait(self->notification, 2, 0, &bits);
    }
}

static void flooder_start(uint64_t number)
{
    struct flooder *self = &flooders[number];

    memset(self, 0, sizeof *self);
    self->echo = client_bind(SERVICE_NUMBER_ECHO);
    self->rng = client_bind(SERVICE_NUMBER_RNG);
    self->thread = pd_slot_take();
    self->context = pd_slot_take();
    self->notification = pd_slot_take();
    self->spare_slot = pd_slot_take();
    expect(pd_create_notification(SLOT_SELF_DOMAIN, self->notification), PD_OK, "a flooder's notification");
    expect(pd_create_sched_context(SLOT_SELF_DOMAIN, self->context), PD_OK, "a flooder's time");
    expect(pd_create_thread(SLOT_SELF_DOMAIN, self->thread, SLOT_SELF_DOMAIN), PD_OK, "a flooder");
    expect(pd_sched_context_set(self->context, FLOOD_PRIORITY, 0, 0), PD_OK, "a flooder's priority");
    expect(pd_bind_sched_context(self->thread, self->context), PD_OK, "a flooder's time");
    expect(pd_thread_start(self->thread, (uint64_t)flood, (uint64_t)(self->stack + STACK_BYTES - 8), number), PD_OK,
           "a flooder's start");
}

static void flooder_end(struct flooder *self)
{
    uint64_t bits;

    expect(pd_wait(self->notification, 1, pd_now_ns() + 5000000000, &bits), PD_OK, "a flooder's end");
    expect((int64_t)self->wrong, 0, "wrong answers to a flooder");
    if (self->rounds == 0) {
        wrong("a flooder did nothing");
    }
    pd_invoke_4(self->thread, THREAD_STOP, 0, 0, 0, 0);
    client_unbind(&self->echo);
    client_unbind(&self->rng);
    pd_slot_drop(self->thread);
    pd_slot_drop(self->context);
    pd_slot_drop(self->notification);
    pd_slot_give(self->spare_slot);
}

static void flood_all(void)
{
    static const uint32_t numbers[] = {SERVICE_NUMBER_ECHO, SERVICE_NUMBER_RNG, SERVICE_NUMBER_MONITOR,
                                       SERVICE_NUMBER_CONSOLE};
    struct client calm = client_bind(SERVICE_NUMBER_ECHO);
    int64_t touches = 0;
    uint64_t rounds = 0;

    flooding = 1;
    for (uint64_t number = 0; number < FLOODERS; number++) {
        flooder_start(number);
    }
    begin_storm(numbers, 4, FLOOD_ROUNDS, 0xf100d);
    while (!storm_is_over()) {
        client_expect(&calm, ECHO_TOUCH, 240, 0, ++touches, "a counter in the flood");
        pd_sleep_until(pd_now_ns() + 100000);
    }
    flooding = 0;
    for (uint64_t number = 0; number < FLOODERS; number++) {
        flooder_end(&flooders[number]);
        rounds += flooders[number].rounds;
    }
    printf("flood: %llu crashes, %llu rounds of %d flooders, %lld of the calm client\n",
           (unsigned long long)storm_crashes(), (unsigned long long)rounds, FLOODERS, (long long)touches);
    client_unbind(&calm);
}

/* The first time, this program and the striker touch what they keep; after the second nothing more may be gone. */
static void twice(void (*run)(void))
{
    struct pd_machine before;

    touch_slots();
    run();
    before = settled();
    run();
    expect_level(&before);
}

static void case_crowd(void)
{
    twice(crowd_all);
}

static void case_flood(void)
{
    twice(flood_all);
}

const struct test_case crowd_cases[] = {
    {"crowd", case_crowd, 0},
    {"flood", case_flood, 0},
    {NULL, NULL, 0},
};
