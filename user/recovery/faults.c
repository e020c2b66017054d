/* SPDX-License-Identifier: MIT */
/*
 * Faults of the service itself, ordered from echo: what its own client sees, and what another one sees.
 *
 * Rule: every case has two clients, counts the calls of both, and expects the counters to go on without a
 * gap: a request takes effect once, whatever happened in between.
 */
#include "harness.h"

#include <stddef.h>

#include <abi/echo.h>

#define ECHO             SERVICE_NUMBER_ECHO
#define ECHO0            SERVICE_NUMBER_ECHO0
#define POISON_SAME      3   /* restarts until a request is poison: the same fault each time */
#define POISON_DIFFERENT 256 /* and different ones */

static const char *const kind_names[ECHO_FAULT_KINDS] = {
    [ECHO_FAULT_READ_NULL] = "read of address 0",
    [ECHO_FAULT_WRITE_CODE] = "write to code",
    [ECHO_FAULT_DIVIDE] = "division by zero",
    [ECHO_FAULT_UNDEFINED] = "undefined instruction",
    [ECHO_FAULT_HANG] = "endless loop",
    [ECHO_FAULT_PANIC] = "panic",
    [ECHO_FAULT_RANGE] = "value out of range",
    [ECHO_FAULT_STACK] = "stack overflow",
    [ECHO_FAULT_WRITE_NULL] = "write of address 0",
    [ECHO_FAULT_PROTOCOL] = "protocol violation",
    [ECHO_FAULT_RECOVERY] = "fault in recovery",
    [ECHO_FAULT_RECOVERY_ALWAYS] = "fault in every recovery",
    [ECHO_FAULT_WANDER] = "fault at changing places",
};

static struct client own;
static struct client other;
static int64_t own_calls;
static int64_t other_calls;

static void begin(void)
{
    own = client_bind(ECHO);
    other = client_bind(ECHO);
    own_calls = other_calls = 0;
}

/* Both clients' counters go on. */
static void both_go_on(const char *when)
{
    client_expect(&own, ECHO_TOUCH, 64, 0, ++own_calls, when);
    client_expect(&other, ECHO_TOUCH, 240, 0, ++other_calls, when);
}

static void end(void)
{
    client_unbind(&own);
    client_unbind(&other);
    expect((int64_t)service_stage(ECHO), STAGE_RUNNING, "stage of echo at the end");
}

/* The fault strikes `times` times, then the request is answered as if nothing had been. */
static void transient(uint64_t kind, uint64_t times)
{
    uint64_t restarts = service_restarts(ECHO);

    both_go_on(kind_names[kind]);
    client_expect(&own, ECHO_FAULT, kind, times, 0, kind_names[kind]);
    expect((int64_t)(service_restarts(ECHO) - restarts), (int64_t)times, "restarts");
    both_go_on(kind_names[kind]);
}

static void case_transient(void)
{
    begin();
    for (uint64_t kind = 0; kind < ECHO_FAULT_RECOVERY; kind++) {
        transient(kind, 1);
        transient(kind, 2);
    }
    transient(ECHO_FAULT_WANDER, 1);
    transient(ECHO_FAULT_WANDER, POISON_DIFFERENT - 1);
    end();
}

static void poison(uint64_t kind, int64_t expected_restarts)
{
    uint64_t restarts = service_restarts(ECHO);
    struct pd_call call;

    both_go_on(kind_names[kind]);
    expect(client_call(&own, ECHO_FAULT, kind, 0, &call), PD_POISON, kind_names[kind]);
    expect((int64_t)call.word[0], FATE_NOT_DONE, "fate of the poison");
    expect((int64_t)(service_restarts(ECHO) - restarts), expected_restarts, "restarts");
    both_go_on(kind_names[kind]);
}

static void case_poison(void)
{
    begin();
    for (uint64_t kind = 0; kind < ECHO_FAULT_RECOVERY; kind++) {
        poison(kind, POISON_SAME);
    }
    end();
}

static void case_poison_at_changing_places(void)
{
    begin();
    poison(ECHO_FAULT_WANDER, POISON_DIFFERENT);
    end();
}

/* A server that is dead when its client comes is no worse: echo0 has no state at all. */
static void case_poison_without_state(void)
{
    struct client client = client_bind(ECHO0);
    struct pd_call call;

    for (uint64_t kind = 0; kind < ECHO_FAULT_RECOVERY; kind++) {
        if (kind == ECHO_FAULT_RANGE) {
            continue;
        }
        client_expect(&client, ECHO_FAULT, kind, 1, 0, kind_names[kind]);
        expect(client_call(&client, ECHO_FAULT, kind, 0, &call), PD_POISON, kind_names[kind]);
        client_expect(&client, ECHO_NULL, 0, 0, 0, kind_names[kind]);
    }
    client_unbind(&client);
}

static void case_fault_in_recovery(void)
{
    uint64_t restarts = service_restarts(ECHO);

    begin();
    both_go_on("before");
    client_expect(&own, ECHO_FAULT, ECHO_FAULT_RECOVERY, 1, 0, "one fault in recovery");
    expect((int64_t)(service_restarts(ECHO) - restarts), 2, "restarts");
    both_go_on("after");
    client_expect(&own, ECHO_FAULT, ECHO_FAULT_RECOVERY_ALWAYS, 7, 0,
                  "seven faults at the start of recovery");
    expect((int64_t)(service_restarts(ECHO) - restarts), 10, "restarts");
    both_go_on("after seven");
    end();
}

/* State that ends every recovery is left out: its client alone pays. */
static void case_bad_state(void)
{
    uint64_t restarts = service_restarts(ECHO);
    struct pd_call call;

    begin();
    both_go_on("before");
    expect(client_call(&own, ECHO_FAULT, ECHO_FAULT_RECOVERY, 0, &call), PD_LOST,
           "call of the client that is left out");
    expect((int64_t)(service_restarts(ECHO) - restarts), 3, "restarts");
    expect(client_call(&own, ECHO_TOUCH, 8, 0, &call), PD_LOST, "its next call");
    client_expect(&other, ECHO_TOUCH, 8, 0, ++other_calls, "another client");
    client_unbind(&own);
    own = client_bind(ECHO);
    own_calls = 0;
    both_go_on("with a new binding");
    end();
}

/* A service that cannot recover is given up, and its clients are told. Another one does not mind. */
static void case_give_up(void)
{
    struct client lost = client_bind(ECHO0);
    struct client bystander = client_bind(ECHO);
    struct pd_call call;

    client_expect(&bystander, ECHO_TOUCH, 8, 0, 1, "another service before");
    expect(client_call(&lost, ECHO_FAULT, ECHO_FAULT_RECOVERY_ALWAYS, 0, &call), PD_DEAD,
           "call of the service's client");
    expect((int64_t)service_stage(ECHO0), STAGE_GIVEN_UP, "stage");
    expect(client_call(&lost, ECHO_NULL, 0, 0, &call), PD_DEAD, "its next call");
    expect((int64_t)call.word[0], FATE_NOT_DONE, "fate of its next call");
    client_expect(&bystander, ECHO_TOUCH, 8, 0, 2, "another service after");
    client_unbind(&bystander);
}

/* Clients that leave when the service has just died are gone when it is back. */
static void case_unbind_of_the_dead(void)
{
    static const uint32_t numbers[] = {ECHO};
    uint64_t bindings;

    begin();
    bindings = service_bindings(ECHO);
    both_go_on("before");
    for (unsigned round = 0; round < 20; round++) {
        struct client leaving = client_bind(ECHO);

        client_expect(&leaving, ECHO_TOUCH, 8, 0, 1, "a client about to leave");
        strike(31, numbers, 1);
        client_unbind(&leaving);
        both_go_on("after a client left");
    }
    expect((int64_t)(service_bindings(ECHO) - bindings), 0, "bindings that were left behind");
    end();
}

const struct test_case fault_cases[] = {
    {"transient", case_transient, 0},
    {"poison", case_poison, 0},
    {"poison-at-changing-places", case_poison_at_changing_places, 0},
    {"poison-without-state", case_poison_without_state, 0},
    {"fault-in-recovery", case_fault_in_recovery, 0},
    {"bad-state", case_bad_state, 0},
    {"unbind-of-the-dead", case_unbind_of_the_dead, 0},
    {"give-up", case_give_up, 1},
    {NULL, NULL, 0},
};
