/* SPDX-License-Identifier: MIT */
/*
 * Attacks, with an honest client beside: attackers.c says what each of them does.
 *
 * Rule: while an attack lasts, the honest client gets right answers, and never waits longer than what one step of the kernel
 * and the longest request of another client take; when it is over, everything is as before (main.c counts).
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include <abi/rng.h>

#include "attackers.h"

#define HONEST 0              /* number of the honest client */
#define HONEST_PRIORITY 9     /* below this program, above the attackers, below the services */
#define HONEST_CALLS_LEAST 20 /* in each attack */
#define ATTACK_MS 40
#define ATTACKERS_MAXIMUM 12
#define ATTACKER_QUOTA 384
/* Instructions that the two calls of the honest client may take. 512 random numbers, the longest request that an attacker
 * may have under way, take 12,000; 64 capabilities in one step of a revocation, 8,000. */
#define LATENCY_LIMIT 40000
#define TICK_NS 1000000 /* sleepers wake at ticks */
#define STEP_LIMIT 40000 /* of the kernel, which is not interrupted */
#define KILL_LIMIT 80000 /* of a domain that has 64 bindings and 16 threads, the most there can be */
#define SERVICE_OF_RNG (SLOT_SERVICES + SERVICE_NUMBER_RNG)

static uint32_t notification;

/* A program like any other. */
static const char *program_start(struct task *task, void (*entry)(uint64_t), uint64_t argument, uint64_t priority)
{
    uint64_t binding;

    EXPECT(task_domain(task, ATTACKER_QUOTA), PD_OK);
    EXPECT(pd_map(task->domain, SLOT_BOOT_INFO, BOOT_INFO_ADDRESS, 0, 1, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_service_bind(SERVICE_OF_RNG, task->domain, ATTACKER_PORTAL, 0, &binding), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, SERVICE_OF_RNG, task->domain, ATTACKER_SERVICE, RIGHT_GRANT, 0), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, notification, task->domain, ATTACKER_NOTIFICATION, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    EXPECT(task_run(task, entry, argument, priority), PD_OK);
    return NULL;
}

static const char *honest_start(struct task *honest)
{
    struct pd_call seed = {.word = {HONEST_SEED, 0, 0, 0}}, draw = {.word = {1, 0, 0, 0}};

    notification = pd_slot_take();
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(pd_invoke(SLOT_RNG, RNG_SEED, &seed), PD_OK);
    EXPECT(pd_invoke(SLOT_RNG, RNG_NEXT, &draw), PD_OK);
    board()->scratch[HONEST_SCRATCH] = draw.word[1];
    return program_start(honest, honest_client, HONEST, HONEST_PRIORITY);
}

/* The honest client works on, rightly and in time. */
static const char *is_unharmed(void)
{
    uint64_t calls = board()->arrived[HONEST];

    EXPECT_TRUE(wait_for(&board()->arrived[HONEST], calls + 2));
    board()->order[HONEST] = 0; /* until now it was this program, too, that made it wait */
    EXPECT_TRUE(wait_for(&board()->arrived[HONEST], calls + HONEST_CALLS_LEAST));
    EXPECT(board()->status[HONEST], 0);
    if (board()->word[HONEST] > LATENCY_LIMIT) {
        return failure(__LINE__, "instructions that an honest call took at most", (int64_t)board()->word[HONEST], LATENCY_LIMIT);
    }
    if (board()->order[HONEST] > TICK_NS + STEP_LIMIT) {
        return failure(__LINE__, "nanoseconds that it woke too late", (int64_t)board()->order[HONEST], TICK_NS + STEP_LIMIT);
    }
    return NULL;
}

static void honest_end(struct task *honest)
{
    task_end(honest);
    pd_slot_drop(notification);
}

/* Ending a domain in the midst of whatever it does is one step of the kernel, however much it holds. */
static const char *kill_in_one_step(uint32_t domain)
{
    uint64_t begin = pd_ticks(), taken;

    EXPECT(pd_kill(domain), PD_OK);
    taken = pd_ticks() - begin;
    return taken > KILL_LIMIT ? failure(__LINE__, "instructions that a kill took", (int64_t)taken, KILL_LIMIT) : NULL;
}

/* `count` attackers at a time, `rounds` times; each is killed in the midst of it. */
static const char *attack(void (*entry)(uint64_t), unsigned count, unsigned rounds)
{
    struct task honest, attackers[ATTACKERS_MAXIMUM];
    const char *why = honest_start(&honest);

    for (unsigned round = 0; !why && round < rounds; round++) {
        unsigned started = 0;

        while (!why && started < count) {
            why = program_start(&attackers[started], entry, 1 + started, LOW_PRIORITY);
            started++;
        }
        sleep_ms(ATTACK_MS / rounds);
        why = why ? why : is_unharmed();
        while (started) {
            why = why ? why : kill_in_one_step(attackers[--started].domain);
            task_end(&attackers[started]);
        }
    }
    EXPECT_TRUE(why || board()->arrived[1] > 0);
    honest_end(&honest);
    return why;
}

static const char *memory_exhausted(void) { return attack(attack_memory, 2, 2); }
static const char *capabilities_exhausted(void) { return attack(attack_capabilities, 2, 2); }
static const char *threads_exhausted(void) { return attack(attack_threads, 2, 2); }
static const char *domains_nested(void) { return attack(attack_domains, 2, 2); }
static const char *calls_flooding(void) { return attack(attack_calls, 1, 2); }
static const char *calls_flooding_from_many(void) { return attack(attack_calls, ATTACKERS_MAXIMUM, 1); }
static const char *notifications_flooding(void) { return attack(attack_notifications, 3, 1); }
static const char *bindings_flooding(void) { return attack(attack_bindings, 3, 2); }
static const char *slots_forged(void) { return attack(attack_slots, 1, 1); }
static const char *registers_at_random(void) { return attack(attack_registers, 2, 10); }
static const char *lending_what_is_not_its_own(void) { return attack(attack_lending, 2, 1); }

/* How the domain ended that did this to that address. */
static const char *touch(uint64_t address, enum touch how)
{
    struct pd_domain_status status;
    struct task task;

    board()->scratch[TOUCH_SCRATCH] = address;
    EXPECT(task_domain(&task, 64), PD_OK);
    EXPECT(task_run(&task, touch_address, how, OWN_PRIORITY), PD_OK);
    for (unsigned round = 0; round < 100; round++) {
        pd_domain_status(task.domain, &status);
        if (status.state != DOMAIN_ALIVE) {
            break;
        }
        sleep_ms(1);
    }
    if (status.state != DOMAIN_FAULTED) {
        printf("address %#lx, touch %d\n", address, how);
    }
    EXPECT(status.state, DOMAIN_FAULTED);
    task_end(&task);
    return NULL;
}

static const char *addresses_that_are_not_its_own(void)
{
    static const uint64_t places[] = {0, 8, PAGE_BYTES - 8, WINDOW_SSR, WINDOW_REGION, WINDOW_LEND, WINDOW_OUTBOX,
                                      USER_ADDRESS_LIMIT - 8, USER_ADDRESS_LIMIT, 0x00007ffffffffff8, 0x0000800000000000,
                                      0xffff7ffffffffff8, 0xffff800000000000, 0xffffffff80000000, 0xfffffffffffffff8};
    struct task honest;
    const char *why = honest_start(&honest);

    for (unsigned index = 0; !why && index < sizeof places / sizeof places[0]; index++) {
        for (enum touch how = TOUCH_READ; !why && how < TOUCHES; how++) {
            why = touch(places[index], how);
        }
    }
    why = why ? why : is_unharmed();
    honest_end(&honest);
    return why;
}

/* What one uses another revokes, at a different instant of it each time. */
static const char *revoked_while_it_is_used(void)
{
    uint32_t memory = pd_slot_take(), signal = pd_slot_take();
    struct task honest, user;
    const char *why = honest_start(&honest);

    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 1, 0), PD_OK);
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, signal), PD_OK);
    why = why ? why : program_start(&user, use_what_is_revoked, 1, LOW_PRIORITY);
    for (unsigned round = 0; !why && round < 150; round++) {
        EXPECT(pd_copy(SLOT_SELF_DOMAIN, memory, user.domain, REVOKED_MEMORY, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
        EXPECT(pd_copy(SLOT_SELF_DOMAIN, signal, user.domain, REVOKED_NOTIFICATION, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
        sleep_ms(1);
        EXPECT(pd_revoke(SLOT_SELF_DOMAIN, round % 2 ? memory : signal), PD_OK);
        EXPECT(pd_revoke(SLOT_SELF_DOMAIN, round % 2 ? signal : memory), PD_OK);
        EXPECT(pd_delete(user.domain, REVOKED_MEMORY), PD_BAD_CAPABILITY);
        EXPECT(pd_delete(user.domain, REVOKED_NOTIFICATION), PD_BAD_CAPABILITY);
    }
    EXPECT(board()->status[1], 0);
    why = why ? why : is_unharmed();
    task_end(&user);
    honest_end(&honest);
    pd_slot_drop(memory);
    pd_slot_drop(signal);
    return why;
}

/* Replies of every shape: the kernel takes the good ones and ends the incarnation for the others; only its client waits. */
static const char *a_server_that_replies_nonsense(void)
{
    static const uint64_t seeds = 60;
    struct guest_service service;
    struct task honest;
    const char *why = honest_start(&honest);
    uint64_t failures = 0;

    EXPECT(service_start(&service, 128, 128, 20000), PD_OK);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        pd_call_deadline(pd_now_ns() + 2 * MILLISECOND_NS);
        service_ask(&service, GUEST_NONSENSE, seed, 0);
        pd_call_deadline(0);
        for (unsigned round = 0; service_stage(&service) != STAGE_RUNNING && round < 20; round++) {
            if (service_stage(&service) == STAGE_FAILED) {
                EXPECT(service_bring_back(&service), PD_OK);
                failures++;
            }
            sleep_ms(1);
        }
        EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    }
    EXPECT_TRUE(failures > seeds / 4 && failures < seeds * 2);
    why = why ? why : is_unharmed();
    honest_end(&honest);
    service_stop(&service);
    return why;
}

/* It keeps what it was lent as long as its hang limit lets it; then that is its client's again. */
static const char *a_server_that_never_replies(void)
{
    struct pd_call call = {.transfer = pd_transfer_lend_out(1), .lend_base = BUFFER_ADDRESS};
    struct guest_service service;
    struct task honest;
    const char *why = honest_start(&honest);

    EXPECT(service_start(&service, 128, 0, 20000), PD_OK);
    pd_call_deadline(pd_now_ns() + 3 * MILLISECOND_NS);
    EXPECT(pd_invoke(service.portal, GUEST_HOLD, &call), PD_TIMEOUT);
    pd_call_deadline(0);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_BUSY);
    EXPECT(service_bring_back(&service), PD_OK); /* it was seen to hang */
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_OK);
    harness_map_buffer();
    why = why ? why : is_unharmed();
    honest_end(&honest);
    service_stop(&service);
    return why;
}

/* Not in an event, which is nobody's call. */
static const char *a_server_that_reads_its_clients_state_at_another_time(void)
{
    uint32_t events = pd_slot_take();
    struct fault_record record;
    struct guest_service service;

    EXPECT(service_start(&service, 128, 128, 20000), PD_OK);
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, events), PD_OK);
    EXPECT(pd_service_bind_notification(service.service, events), PD_OK);
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 1);
    board()->event_reads = 1;
    EXPECT(pd_signal(events, 1), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_RECORD, 0, 0, 0, 0), PD_OK);
    memcpy(&record, (const void *)WINDOW_MESSAGE, sizeof record);
    EXPECT(record.cause, CAUSE_EXCEPTION);
    EXPECT(record.address, WINDOW_SSR);
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 2);
    service_stop(&service);
    pd_slot_drop(events);
    return NULL;
}

/* A client killed at one instant after the other of its calls: the service sees each of them leave, once. */
static const char *a_client_that_dies_at_any_instant(void)
{
    const unsigned clients = 60;
    struct guest_service service;
    struct task honest, client;
    const char *why = honest_start(&honest);
    uint64_t binding;

    EXPECT(service_start(&service, 128, 128, 20000), PD_OK);
    for (unsigned round = 0; round < clients; round++) {
        EXPECT(task_domain(&client, 128), PD_OK);
        EXPECT(pd_service_bind(service.service, client.domain, ATTACKER_PORTAL, 0, &binding), PD_OK);
        EXPECT(task_run(&client, call_again_and_again, round % 4, LOW_PRIORITY), PD_OK);
        pd_sleep_until(pd_now_ns() + MILLISECOND_NS + round * 10007 % MILLISECOND_NS);
        task_end(&client);
    }
    EXPECT_TRUE(wait_for(&board()->unbinds, clients));
    EXPECT(board()->unbinds, clients);
    EXPECT(service_stage(&service), STAGE_RUNNING);
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    why = why ? why : is_unharmed();
    honest_end(&honest);
    service_stop(&service);
    return why;
}

const struct test hostile_tests[] = {
    {"hostile_memory_is_exhausted", memory_exhausted},
    {"hostile_capabilities_are_exhausted", capabilities_exhausted},
    {"hostile_threads_are_exhausted", threads_exhausted},
    {"hostile_domains_are_nested", domains_nested},
    {"hostile_flood_of_calls", calls_flooding},
    {"hostile_flood_of_calls_from_many", calls_flooding_from_many},
    {"hostile_flood_of_notifications", notifications_flooding},
    {"hostile_flood_of_bindings", bindings_flooding},
    {"hostile_forged_slots", slots_forged},
    {"hostile_registers_at_random", registers_at_random},
    {"hostile_lending_what_is_not_its_own", lending_what_is_not_its_own},
    {"hostile_addresses_that_are_not_its_own", addresses_that_are_not_its_own},
    {"hostile_revoking_what_is_used", revoked_while_it_is_used},
    {"hostile_server_that_replies_nonsense", a_server_that_replies_nonsense},
    {"hostile_server_that_never_replies", a_server_that_never_replies},
    {"hostile_server_that_reads_state_at_another_time", a_server_that_reads_its_clients_state_at_another_time},
    {"hostile_client_that_dies_at_any_instant", a_client_that_dies_at_any_instant},
    {NULL, NULL},
};
