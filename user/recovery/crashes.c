/* SPDX-License-Identifier: MIT */
/*
 * Services killed from outside, one by one and together, in each stage that a kill can find them in.
 *
 * Rule: kills are no evidence against anyone: no client loses a request or its state, however many there are.
 */
#include "harness.h"

#include <stddef.h>

#include <abi/blk.h>
#include <abi/console.h>
#include <abi/echo.h>
#include <abi/fs.h>
#include <abi/proc.h>
#include <abi/rng.h>
#include <abi/sched.h>
#include <abi/timer.h>
#include <perdure/boot.h>
#include <perdure/domain.h>
#include <perdure/slots.h>

#define ABOVE_MONITOR 31 /* the monitor does not run before the strike is over */
#define BELOW_MONITOR \
    25 /* the monitor has restarted a service before the next blow, but the service has not run yet */
#define MILLISECOND_NS 1000000u
#define HOUR_NS        3600000000000
#define ALARM_SHORT    3
#define ALARM_DISTANT  31 /* an hour after power-on */
#define BARRAGE        20 /* more blows in a row than any rule allows faults */

static const uint32_t all_services[] = {SERVICE_NUMBER_CONSOLE, SERVICE_NUMBER_BLK,  SERVICE_NUMBER_FS,
                                        SERVICE_NUMBER_RNG,     SERVICE_NUMBER_ECHO, SERVICE_NUMBER_ECHO0,
                                        SERVICE_NUMBER_TIMER,   SERVICE_NUMBER_PROC, SERVICE_NUMBER_SCHED};
#define SERVICES (sizeof all_services / sizeof all_services[0])

static struct client clients[SERVICES];
static int64_t touches;
static int64_t pipe_number;
static uint8_t last_byte; /* that is in the pipe */
static uint32_t attached; /* to sched: a scheduling context on which nobody runs */
static uint64_t stream[2];

/* A wait of a millisecond ends, and not before it is over; an alarm that was set before all this is still set. */
static void alarm_works(const char *when)
{
    uint64_t before_ns = pd_now_ns();
    struct pd_call call = {.word = {ALARM_SHORT, MILLISECOND_NS, 0, TIMER_RELATIVE}};

    expect(pd_invoke(clients[6].slot, TIMER_SET, &call), PD_OK, when);
    client_expect(&clients[6], TIMER_WAIT, 1u << ALARM_SHORT | 1u << ALARM_DISTANT, 0, ALARM_SHORT, when);
    if (pd_now_ns() < before_ns + MILLISECOND_NS) {
        wrong("%s: an alarm came %llu ns early", when,
              (unsigned long long)(before_ns + MILLISECOND_NS - pd_now_ns()));
    }
    expect(client_call(&clients[6], TIMER_GET, ALARM_DISTANT, 0, &call), PD_OK, when);
    expect((int64_t)(call.word[1] + pd_now_ns()) / HOUR_NS, 1, when);
}

static void put_byte(const char *when)
{
    struct pd_call call = {.word = {(uint64_t)pipe_number, 1, 0, 0}, .transfer = pd_transfer_message(1)};

    *(uint8_t *)pd_message() = ++last_byte;
    expect(pd_invoke(clients[7].slot, PROC_WRITE, &call), PD_OK, when);
    expect((int64_t)call.word[0], 1, when);
}

/* The byte that was put into the pipe before all this comes out of it, and no other; the next one goes in. */
static void pipe_works(const char *when)
{
    struct pd_call call = {.word = {(uint64_t)pipe_number, PROC_WRITE_BYTES, 0, 0}};

    expect(pd_invoke(clients[7].slot, PROC_READ, &call), PD_OK, when);
    expect((int64_t)call.word[0], 1, when);
    expect(*(uint8_t *)pd_message(), last_byte, when);
    put_byte(when);
    client_expect(&clients[7], PROC_EXIT, 7, 0, 0, when);
    client_expect(&clients[7], PROC_AUDIT, 0, 0, 0, when);
}

/* A process with a pipe. */
static void begin_process(void)
{
    struct pd_call call = {0};

    expect(pd_invoke(clients[7].slot, PROC_START, &call), PD_OK, "starting as a process");
    call = (struct pd_call){0};
    expect(pd_invoke(clients[7].slot, PROC_PIPE, &call), PD_OK, "making a pipe");
    pipe_number = (int64_t)call.word[0];
    put_byte("before");
}

/* What was set of the context is still so; it can be changed, and the kernel has what sched has told it. */
static void scheduler_works(const char *when)
{
    struct pd_call call;
    uint64_t tickets;

    expect(client_call(&clients[8], SCHED_GET, 0, 0, &call), PD_OK, when);
    expect((int64_t)call.word[0], SCHED_SHARED, when);
    tickets = call.word[1] >> 32;
    expect((int64_t)tickets, SCHED_TICKETS_DEFAULT + touches - 1, when);
    client_expect(&clients[8], SCHED_SET_TICKETS, 0, tickets + 1, 0, when);
    client_expect(&clients[8], SCHED_YIELD, 0, 0, 0, when);
    client_expect(&clients[8], SCHED_AUDIT, 0, 0, 0, when);
}

static void attach(void)
{
    struct pd_call call = {.word = {0, SCHED_SHARED}};

    attached = pd_slot_take();
    expect(pd_create_sched_context(SLOT_SELF_DOMAIN, attached), PD_OK, "making a scheduling context");
    pd_send_capability(&call, attached, RIGHT_USE | RIGHT_MANAGE, 0, 0);
    expect(pd_invoke(clients[8].slot, SCHED_ATTACH, &call), PD_OK, "attaching it");
    expect((int64_t)call.word[0], 0, "attaching it");
    client_expect(&clients[8], SCHED_SET_TICKETS, 0, SCHED_TICKETS_DEFAULT, 0, "attaching it");
}

/* Every service does its work, and goes on where it was. */
static void all_work(const char *when)
{
    struct pd_call call;
    int64_t status;

    client_expect(&clients[0], CONSOLE_SET_MODE, CONSOLE_MODE_COOKED, 0, CONSOLE_MODE_COOKED, when);
    status = client_call(&clients[1], BLK_INFO, 0, 0, &call);
    expect(status, PD_OK, when);
    status = client_call(&clients[2], FS_SYNC, 0, 0, &call);
    expect(status, PD_OK, when);
    client_expect(&clients[4], ECHO_TOUCH, 64, 0, ++touches, when);
    client_expect(&clients[5], ECHO_NULL, 0, 0, 0, when);
    alarm_works(when);
    pipe_works(when);
    scheduler_works(when);
    /* xoshiro256** seeded with 1, the first and the second number of each pair of streams, taken in turn. */
    for (unsigned index = 0; index < 2; index++) {
        client_expect(&clients[3], RNG_SEED, 1 + index, 0, 0, when);
        if (client_call(&clients[3], RNG_NEXT, 2, 0, &call) != PD_OK) {
            wrong("%s: no random numbers", when);
        }
        if (stream[index] == 0) {
            stream[index] = call.word[1];
        }
        expect((int64_t)call.word[1], (int64_t)stream[index], when);
    }
}

static void begin(void)
{
    struct pd_call call;

    for (unsigned index = 0; index < SERVICES; index++) {
        clients[index] = client_bind(all_services[index]);
    }
    touches = 0;
    attach();
    call = (struct pd_call){.word = {ALARM_DISTANT, HOUR_NS, 0, TIMER_ABSOLUTE}};
    expect(pd_invoke(clients[6].slot, TIMER_SET, &call), PD_OK, "setting the alarm");
    begin_process();
    all_work("before");
}

static void end(void)
{
    for (unsigned index = 0; index < SERVICES; index++) {
        expect((int64_t)service_stage(all_services[index]), STAGE_RUNNING, service_name(all_services[index]));
        client_unbind(&clients[index]);
    }
    pd_slot_drop(attached);
}

/* Each service, when it has nothing to do. */
static void case_kill_idle(void)
{
    begin();
    for (unsigned index = 0; index < SERVICES; index++) {
        uint64_t restarts = service_restarts(all_services[index]);

        for (unsigned round = 0; round < 5; round++) {
            service_crash(all_services[index]);
            all_work(service_name(all_services[index]));
        }
        expect((int64_t)(service_restarts(all_services[index]) - restarts), 5, "restarts");
    }
    end();
}

/*
 * Each service again and again before its recovery has run an instruction; many more often than faults are
 * allowed.
 */
static void case_kill_recovering(void)
{
    uint32_t numbers[BARRAGE];

    begin();
    for (unsigned index = 0; index < SERVICES; index++) {
        for (unsigned blow = 0; blow < BARRAGE; blow++) {
            numbers[blow] = all_services[index];
        }
        strike(BELOW_MONITOR, numbers, BARRAGE);
        all_work(service_name(all_services[index]));
    }
    end();
}

/* All services at one instant. */
static void case_kill_all_at_once(void)
{
    begin();
    for (unsigned round = 0; round < 5; round++) {
        strike(ABOVE_MONITOR, all_services, SERVICES);
        all_work("all at once");
    }
    end();
}

/* Each pair of services at one instant, and the monitor before it has heard of either. */
static void case_kill_pairs_and_monitor(void)
{
    begin();
    for (unsigned first = 0; first < SERVICES; first++) {
        for (unsigned second = first + 1; second < SERVICES; second++) {
            const uint32_t numbers[] = {all_services[first], all_services[second], SERVICE_NUMBER_MONITOR};

            strike(ABOVE_MONITOR, numbers, 2);
            all_work("a pair");
            strike(ABOVE_MONITOR, numbers, 3);
            all_work("a pair and the monitor");
        }
    }
    end();
}

/* The monitor alone, and before the service. */
static void case_kill_monitor(void)
{
    uint32_t barrage[BARRAGE];

    begin();
    for (unsigned round = 0; round < 20; round++) {
        const uint32_t numbers[] = {SERVICE_NUMBER_MONITOR, all_services[round % SERVICES],
                                    SERVICE_NUMBER_MONITOR, SERVICE_NUMBER_MONITOR};

        service_crash(SERVICE_NUMBER_MONITOR);
        all_work("without a failed service");
        strike(ABOVE_MONITOR, numbers, 4);
        all_work("with a failed service");
    }
    for (unsigned blow = 0; blow < BARRAGE; blow++) {
        barrage[blow] = SERVICE_NUMBER_MONITOR;
    }
    strike(ABOVE_MONITOR, barrage, BARRAGE);
    all_work("after a barrage");
    end();
}

const struct test_case crash_cases[] = {
    {"kill-idle", case_kill_idle, 0},
    {"kill-recovering", case_kill_recovering, 0},
    {"kill-all-at-once", case_kill_all_at_once, 0},
    {"kill-pairs-and-monitor", case_kill_pairs_and_monitor, 0},
    {"kill-monitor", case_kill_monitor, 0},
    {NULL, NULL, 0},
};
