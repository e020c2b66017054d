/* SPDX-License-Identifier: MIT */
/* The crash flow, first half: an incarnation has failed. Its transaction is rolled back, its caller parked, the
 * fault noted and the monitor told. The rest (restore.c) happens on the monitor's commands.
 *
 * Rule: every rollback ends the incarnation, and nothing of the incarnation is believed afterwards. The kernel
 * decides nothing, with one exception: the monitor is restarted by the kernel itself, when it fails and when it
 * leaves a record unacknowledged for MONITOR_LIMIT_NS.
 */
#include "kernel/domain.h"
#include "kernel/notification.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/log.h"

#define MONITOR_LIMIT_NS 50000000u
#define MONITOR_FAILURES_MAXIMUM 16u /* in succession, without ever being ready: its image must be at fault */

static struct service *services[OBSERVED_SERVICES]; /* by number */

void service_register(struct service *service)
{
    services[service->number] = service;
}

void service_forget(struct service *service)
{
    if (services[service->number] != service)
        return;
    services[service->number] = NULL;
    *service->observed = (struct observed_service){0};
    service->number = 0;
}

static void record_failure(struct service *service, const struct failure *failure)
{
    struct portal *portal = service->portal;
    uint32_t none = 0;
    uint32_t *kills = service->caller ? &service->caller->call_kills : service->closing ? &portal->kills : &none;
    struct fault_record *record = &service->records[service->record_count % FAULT_RECORDS];

    if (failure->cause != CAUSE_KILL)
        ++*kills;
    if (service->caller)
        service->caller->call_parts = 0;
    *record = (struct fault_record){
        .index = (uint32_t)++service->record_count,
        .service = service->number,
        .incarnation = service->incarnation,
        .cause = failure->cause,
        .vector = failure->vector,
        .stage = service->stage,
        .rip = failure->instruction,
        .address = failure->address,
        .error_code = failure->error_code,
        .time = cpu_timestamp(),
        .binding = portal ? portal->binding : 0,
        .operation = service->caller ? (uint32_t)(service->caller->rax & UINT32_MAX) >> INVOKE_OPERATION_SHIFT : 0,
        .suspect_binding = service->open ? service->open->portal->binding : 0,
        .request_kills = portal ? *kills : 0,
        .code = failure->code,
    };
    if (!service->failed_ticks)
        service->failed_ticks = record->time | 1;
}

/* The caller keeps its request and waits for the next incarnation. */
static void park_caller(struct service *service)
{
    struct thread *caller = service->caller;
    struct sched_context *context = service->worker->context;

    if (!caller)
        return;
    caller->context = context;
    context->thread = caller;
    service_enqueue(service, caller);
}

static void stop_worker(struct service *service)
{
    struct thread *worker = service->worker;

    if (thread_in_call(worker))
        call_abandon(worker);
    thread_cancel_deadline(worker);
    if (worker->waiting_for)
        notification_forget(worker->waiting_for, worker);
    worker->state = THREAD_STOPPED;
    park_caller(service);
    worker->context = NULL;
    sched_dequeue(service->context);
    service->context->thread = NULL;
}

/* The incarnation stops where it is, and its transaction with it. What it served is parked. */
static void abort_incarnation(struct service *service)
{
    struct portal *closing = service->closing;

    service->start_later = false;
    stop_worker(service);
    transaction_rollback(service);
    if (closing) {
        closing->unbind_next = service->unbinding;
        if (!service->unbinding)
            service->unbinding_tail = closing;
        service->unbinding = closing;
        service->closing = NULL;
    }
    service->acceptor = NULL;
    service->caller = NULL;
    service->portal = NULL;
    service->attention = ATTENTION_QUEUED;
    service->observed->serving_binding = 0;
}

static void restart_monitor(struct service *monitor, bool was_starting, bool was_killed)
{
    uint64_t remaining;

    if (!was_starting)
        monitor->start_failures = 0;
    else if (!was_killed)
        monitor->start_failures++; /* a kill from outside says nothing about the monitor */
    do {
        if (monitor->start_failures == MONITOR_FAILURES_MAXIMUM || !service_restore_step(monitor, &remaining)) {
            service_give_up(monitor);
            return;
        }
    } while (remaining);
    monitor->failed_ticks = 0;
    service_restart(monitor, monitor->entry_recovered, STAGE_RECOVERING);
}

void monitor_ready(struct service *monitor)
{
    monitor->used_ticks = 0;
    if (monitor->stage == STAGE_RUNNING)
        return;
    service_set_stage(monitor, STAGE_RUNNING);
    if (monitor->tracing)
        trace_current(monitor)->t_ready = cpu_timestamp();
    trace_end(monitor);
}

void service_fail(struct service *service, const struct failure *failure)
{
    struct recovery_record *trace = trace_begin(service, failure);
    bool was_starting = service->stage != STAGE_RUNNING;

    record_failure(service, failure);
    abort_incarnation(service);
    trace->t_parked = cpu_timestamp();
    cpu_local()->reschedule = 1;
    service_set_stage(service, STAGE_FAILED);
    if (service->supervisor)
        restart_monitor(service, was_starting, failure->cause == CAUSE_KILL);
    else if (service->supervisor_notification)
        notification_signal(service->supervisor_notification, service->supervisor_bit);
    else
        service_give_up(service);
}

void service_retire(struct service *service)
{
    abort_incarnation(service);
    service_alarm(service, 0, 0);
    service_set_stage(service, STAGE_GIVEN_UP);
    service->failed_ticks = 0;
    service->traced = NULL;
    trace_end(service);
    while (service->queue_head)
        call_finish(service->queue_head, PD_DEAD, call_fate(service->queue_head));
    for (struct portal *portal = service->portals; portal; portal = portal->service_next)
        while (portal->deferred)
            call_finish(portal->deferred, PD_DEAD, FATE_UNKNOWN);
    while (service->unbinding) {
        struct portal *portal = service->unbinding;

        service->unbinding = portal->unbind_next;
        portal_close(portal);
    }
}

void service_give_up(struct service *service)
{
    service_retire(service);
    if (!service->number) /* a program's own */
        return;
    log_urgent("service %.*s is given up", (int)sizeof(service->observed->name), service->observed->name);
    service_lost(service);
}

/* An empty function: who watches from outside hooks it. */
void __attribute__((noinline)) service_lost(const struct service *service)
{
    __asm__ volatile("" : : "r"(service) : "memory");
}

/* Has nobody looked after a failure of `service` for too long? Tells it once a limit. */
static bool is_late(struct service *service, uint64_t now_ticks)
{
    static uint64_t limit_ticks;

    if (!limit_ticks)
        limit_ticks = clock_ns_to_ticks(MONITOR_LIMIT_NS);
    if (!service->failed_ticks || now_ticks <= service->failed_ticks + limit_ticks)
        return false;
    service->failed_ticks = now_ticks;
    return true;
}

void supervise_monitor(uint64_t now_ticks)
{
    struct service *monitor = NULL;
    bool late = false;

    for (uint32_t i = 1; i < OBSERVED_SERVICES; i++)
        if (services[i] && services[i]->supervisor)
            monitor = services[i];
    for (uint32_t i = 1; i < OBSERVED_SERVICES; i++) {
        struct service *service = services[i];

        if (!service || service->supervisor || !is_late(service, now_ticks))
            continue;
        if (monitor && monitor->stage != STAGE_GIVEN_UP)
            late = true;
        else
            service_give_up(service); /* nobody is left to bring it back */
    }
    if (late)
        service_fail(monitor, &(struct failure){.cause = CAUSE_HEARTBEAT, .instruction = monitor->worker->rip});
}
