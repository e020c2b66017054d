/* SPDX-License-Identifier: MIT */
/*
 * monitor: brings services back.
 *
 *     a service fails -> the kernel parks its callers, rolls back, writes a fault record, signals bit n
 *     -> the monitor: records -> policy_decide -> poison or quarantine -> restore (code checked,
 *        data restored) -> restart -> acknowledge
 *
 * It is above all others in priority, calls no service, and waits for nothing but its notification, with a
 * deadline: each second it looks at all services unasked, and at each heartbeat of a service it has that service look at
 * itself (heartbeat.h). When it dies or leaves a record unacknowledged
 * for too long, the kernel itself starts its next incarnation (the one fixed rule). It keeps no state:
 * monitor.h.
 *
 * Rule: policy.c decides, monitor.c carries out, the kernel remembers.
 */
#include "servers/common/server.h"

#include "heartbeat.h"
#include "monitor.h"
#include "perdure/boot.h"
#include "perdure/notification.h"

#define LOOK_UNASKED_US 1000000u

/* A monitor has no calls to reply to, so its start is its life. */
static _Noreturn void watch(void)
{
    uint64_t all = monitor_all_services();
    uint64_t looked_ns = pd_now_ns();

    /* Whatever happened before this incarnation is in the stages of the services. */
    monitor_watch(all);
    monitor_look_after(all);
    for (;;) {
        uint64_t bits;
        int64_t status = pd_wait(SLOT_NOTIFICATION, all, heartbeat_next_ns(LOOK_UNASKED_US, looked_ns), &bits);
        uint64_t now_ns = pd_now_ns();

        if (status != PD_OK && status != PD_TIMEOUT) {
            server_panic(SERVER_PANIC_MANIFEST);
        }
        monitor_look_after(heartbeat_is_between(LOOK_UNASKED_US, looked_ns, now_ns) ? all : bits);
        heartbeat_ask(looked_ns, now_ns);
        looked_ns = now_ns;
    }
}

void service_start_fresh(void)
{
    watch();
}

void service_start_recovered(void)
{
    watch();
}

/* The kernel delivers nothing to a monitor. */
int64_t service_call(struct request *request)
{
    (void)request;
    server_panic(SERVER_PANIC_DELIVERY);
}

void service_event(uint64_t bits)
{
    (void)bits;
    server_panic(SERVER_PANIC_DELIVERY);
}

void service_unbind(struct request *request)
{
    (void)request;
    server_panic(SERVER_PANIC_DELIVERY);
}
