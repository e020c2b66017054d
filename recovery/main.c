/* SPDX-License-Identifier: MIT */
/*
 * monitor: brings services back.
 *
 *     a service fails -> the kernel parks its callers, rolls back, writes a fault record, signals bit n
 *     -> the monitor: records -> policy_decide -> poison? restore (code checked, data restored), restart -> acknowledge
 *
 * It is a service itself, above all others in priority, and works on events alone: it calls no service and waits for
 * nothing, so no failure of what it supervises can hold it up. When it dies, its events come again to its next
 * incarnation, which is started by the kernel's one fixed rule; when it does not acknowledge a record in time, the
 * same rule ends it. It keeps no state: monitor.h.
 *
 * Rule: policy.c decides, monitor.c carries out, the kernel remembers.
 */
#include "servers/common/server.h"

#include "monitor.h"

/* Whatever happened before this incarnation is in the stages of the services. */
static void start(void)
{
    monitor_watch(monitor_all_services());
    monitor_look_after(monitor_all_services());
}

void service_start_fresh(void)
{
    start();
}

void service_start_recovered(void)
{
    start();
}

void service_event(uint64_t bits)
{
    monitor_look_after(bits);
}

/* The monitor has no portals. */
int64_t service_call(struct request *request)
{
    (void)request;
    server_panic(SERVER_PANIC_DELIVERY);
}

void service_unbind(struct request *request)
{
    (void)request;
}
