/* SPDX-License-Identifier: MIT */
/* What the monitor, and who else may look after a service, can ask of it. Rule: a command that does not fit the stage
 * answers PD_BAD_STAGE and changes nothing, so that a restarted monitor may give it again. */
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/notification.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"
#include "kernel/x86_64/clock.h"

static void record(struct thread *self, struct service *service)
{
    uint64_t kept = service->record_count < FAULT_RECORDS ? service->record_count : FAULT_RECORDS;

    if (self->rdi >= kept) {
        thread_status(self, PD_BAD_ARGUMENT);
        return;
    }
    __builtin_memcpy(self->message, &service->records[(service->record_count - 1 - self->rdi) % FAULT_RECORDS],
                     sizeof(struct fault_record));
    thread_status(self, PD_OK);
}

static void trace(struct thread *self, struct service *service)
{
    uint64_t kept = service->trace_count < SERVICE_TRACES - 1 ? service->trace_count : SERVICE_TRACES - 1;

    if (self->rdi >= kept) {
        thread_status(self, PD_BAD_ARGUMENT);
        return;
    }
    __builtin_memcpy(self->message, &service->traces[(service->trace_count - 1 - self->rdi) % SERVICE_TRACES],
                     sizeof(struct recovery_record));
    thread_status(self, PD_OK);
}

static void restore(struct thread *self, struct service *service)
{
    uint64_t remaining = 0;

    if (service->stage != STAGE_FAILED && service->stage != STAGE_RESTORING) {
        thread_status(self, PD_BAD_STAGE);
        return;
    }
    if (!service_restore_step(service, &remaining)) {
        service_give_up(service);
        thread_status(self, PD_LOST);
        return;
    }
    thread_result(self, PD_OK, remaining, 0, 0);
}

/* Not cut into steps: for experiments that compare with a restart without state, on systems of few clients. */
static void forget_state(struct service *service)
{
    for (struct portal *portal = service->portals; portal; portal = portal->service_next) {
        if (portal->ssr)
            ssr_forget(&portal->ssr->memory);
        handover_forget(portal);
    }
    if (service->region)
        ssr_forget(&service->region->memory);
}

static int64_t restart(struct thread *self, struct service *service)
{
    if (service->stage != STAGE_RESTORING || service->restore_segment < service->segment_count)
        return PD_BAD_STAGE;
    if (self->rdi > RESTART_FORGET)
        return PD_BAD_ARGUMENT;
    service->failed_ticks = 0;
    if (self->rdi == RESTART_FORGET)
        forget_state(service);
    if (self->rdi == RESTART_RECOVERED)
        service_restart(service, service->entry_recovered, STAGE_RECOVERING);
    else
        service_restart(service, service->entry_fresh, STAGE_FRESH_START);
    return PD_OK;
}

/* A last transaction that kills incarnations is not shown to the service. */
static bool drop_unbind(struct service *service, struct portal *portal)
{
    struct portal **link = &service->unbinding, *previous = NULL;

    while (*link && *link != portal) {
        previous = *link;
        link = &(*link)->unbind_next;
    }
    if (!*link)
        return false;
    *link = portal->unbind_next;
    if (service->unbinding_tail == portal)
        service->unbinding_tail = previous;
    portal_close(portal);
    return true;
}

static int64_t poison(struct thread *self, struct service *service)
{
    struct portal *portal = service_portal(service, self->rdi);
    struct thread *worst = NULL; /* its threads may have a call each */

    if (service->stage != STAGE_FAILED && service->stage != STAGE_RESTORING)
        return PD_BAD_STAGE;
    if (!portal)
        return PD_BAD_ARGUMENT;
    portal->kills = 0;
    if (portal->gate == PORTAL_UNBINDING && drop_unbind(service, portal))
        return PD_OK;
    for (struct thread *thread = service->queue_head; thread; thread = thread->queue_next)
        if (thread->portal == portal && (!worst || thread->call_kills > worst->call_kills))
            worst = thread;
    if (!worst)
        return PD_AGAIN;
    call_finish(worst, PD_POISON, call_fate(worst));
    return PD_OK;
}

static int64_t crash(struct service *service)
{
    if (service->stage != STAGE_RUNNING && service->stage != STAGE_RECOVERING)
        return PD_BAD_STAGE;
    service_fail(service, &(struct failure){.cause = CAUSE_KILL, .instruction = service->worker->rip});
    return PD_OK;
}

/* Whoever has not dealt with the last heartbeat when the next one comes has missed it. */
static int64_t check(struct service *service)
{
    if (service->stage != STAGE_RUNNING)
        return PD_BAD_STAGE;
    if ((service->pending_events | service->taken_events) & EVENT_CHECK)
        service_fail(service, &(struct failure){.cause = CAUSE_HEARTBEAT, .instruction = service->worker->rip});
    else
        service_event(service, EVENT_CHECK);
    return PD_OK;
}

static int64_t set_supervisor(struct thread *self, struct service *service)
{
    struct capability *argument = capability_at(&self->domain->table, self->rdi);

    if (argument->type != OBJECT_NOTIFICATION)
        return argument->type == OBJECT_NONE ? PD_BAD_CAPABILITY : PD_WRONG_TYPE;
    if (!(argument->rights & RIGHT_WRITE))
        return PD_NO_RIGHT;
    if (service->supervisor_notification)
        object_release(&service->supervisor_notification->object);
    service->supervisor_notification = (struct notification *)argument->object;
    service->supervisor_bit = self->rsi;
    object_hold(argument->object);
    return PD_OK;
}

static void usage(struct thread *self, const struct service *service)
{
    sched_charge();
    *(struct service_usage *)self->message = (struct service_usage){
        .own_ns = clock_ticks_to_ns(service->context->consumed_ticks),
        .seen_ticks = service->seen_ticks,
        .quota_pages = service->domain->quota_bytes / PAGE_BYTES,
        .used_pages = (service->domain->used_bytes + PAGE_BYTES - 1) / PAGE_BYTES,
        .regions = service->ssr_bytes ? service->portal_count : 0,
        .region_bytes = service->ssr_bytes,
        .number = service->number,
    };
    thread_status(self, PD_OK);
}

/* A failure that was seen and not taken up would be nobody's any more. */
static int64_t acknowledge(const struct thread *self, struct service *service)
{
    if (!self->rdi || self->rdi > service->record_count)
        return PD_BAD_ARGUMENT;
    if (service->stage == STAGE_FAILED || service->stage == STAGE_RESTORING)
        return PD_BAD_STAGE;
    if (self->rdi == service->record_count)
        service->failed_ticks = 0;
    return PD_OK;
}

void service_supervise(struct thread *self, struct service *service, uint64_t operation)
{
    switch (operation) {
    case SERVICE_RECORD:
        record(self, service);
        return;
    case SERVICE_RESTORE:
        restore(self, service);
        return;
    case SERVICE_RESTART:
        thread_status(self, restart(self, service));
        return;
    case SERVICE_POISON:
        thread_status(self, poison(self, service));
        return;
    case SERVICE_GIVE_UP:
        thread_status(self, PD_OK);
        if (service->stage != STAGE_GIVEN_UP)
            service_give_up(service);
        return;
    case SERVICE_CRASH:
        thread_status(self, PD_OK); /* the caller may be the monitor that it crashes */
        if (crash(service) != PD_OK)
            thread_status(self, PD_BAD_STAGE);
        return;
    case SERVICE_TRACE:
        trace(self, service);
        return;
    case SERVICE_STATS:
        thread_result(self, PD_OK, service->stage, service->incarnation,
                      service->incarnation ? service->incarnation - 1 : 0);
        self->r10 = service->portal_count;
        return;
    case SERVICE_USAGE:
        usage(self, service);
        return;
    case SERVICE_CHECK:
        thread_status(self, check(service));
        return;
    case SERVICE_SET_SUPERVISOR:
        thread_status(self, set_supervisor(self, service));
        return;
    default: /* SERVICE_ACKNOWLEDGE */
        thread_status(self, acknowledge(self, service));
    }
}
