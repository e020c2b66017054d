/* SPDX-License-Identifier: MIT */
/* Operations on services, for those who hold capabilities for one: its maker (MANAGE, GRANT) and the service itself
 * (SERVE); the monitor's (SUPERVISE) are in service_supervise.c. Rule: what does not fit the stage answers
 * PD_BAD_STAGE and changes nothing. */
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/notification.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/cpu.h"

#define SEGMENT_RESIDENT_PAGES_MAXIMUM 1024u /* of each segment but scratch */

/* ---- making ---- */

static int64_t add_segment(struct thread *self, struct service *service)
{
    struct segment segment = {.address = self->rdi, .kind = (uint32_t)self->rdx};
    struct capability *source = capability_at(&self->domain->table, self->r10);
    uint64_t image_pages = self->r9 / PAGE_BYTES + (self->r9 % PAGE_BYTES != 0);
    uint64_t limit = self->rdx == SEGMENT_SCRATCH ? MEMORY_MAX_PAGES : SEGMENT_RESIDENT_PAGES_MAXIMUM;
    uint8_t rights = self->rdx == SEGMENT_CODE ? RIGHT_USE | RIGHT_EXECUTE : RIGHT_USE;

    if (service->stage != STAGE_UNUSED)
        return PD_BAD_STAGE;
    if (!self->rsi || self->rsi > limit || self->rdx > SEGMENT_SCRATCH || image_pages > self->rsi)
        return PD_BAD_ARGUMENT;
    segment.pages = (uint32_t)self->rsi;
    if (segment.kind == SEGMENT_ZERO || segment.kind == SEGMENT_SCRATCH)
        return self->r9 ? PD_BAD_ARGUMENT : segment_add(service, &segment);
    if (source->type != OBJECT_MEMORY)
        return source->type == OBJECT_NONE ? PD_BAD_CAPABILITY : PD_WRONG_TYPE;
    if ((source->rights & rights) != rights)
        return PD_NO_RIGHT;
    segment.pristine = (struct memory *)source->object;
    if (!segment.pristine->physical || self->r8 > segment.pristine->pages ||
        image_pages > segment.pristine->pages - self->r8)
        return PD_BAD_ARGUMENT;
    segment.pristine_page = (uint32_t)self->r8;
    segment.data_bytes = (uint32_t)self->r9;
    return segment_add(service, &segment);
}

static int64_t set_entries(struct thread *self, struct service *service)
{
    if (service->stage != STAGE_UNUSED)
        return PD_BAD_STAGE;
    if (self->rdi >= USER_END || self->rsi >= USER_END || self->rdx >= USER_END)
        return PD_BAD_ADDRESS;
    service->entry_fresh = self->rdi;
    service->entry_recovered = self->rsi;
    service->stack_top = self->rdx;
    return PD_OK;
}

static int64_t set_ranges(struct thread *self, struct service *service)
{
    uint32_t bytes = self->rsi ? (service->region ? service->region->memory.bytes : 0) : service->ssr_bytes;
    struct ssr_layout *layout = &service->layout[self->rsi & 1];

    if (service->stage != STAGE_UNUSED || service->portals)
        return PD_BAD_STAGE;
    if (self->rsi > 1 || (self->rsi && !service->region))
        return PD_BAD_ARGUMENT;
    if (self->rdi > SSR_RANGES_MAXIMUM)
        return PD_TOO_LARGE;
    if (!ssr_layout_set(layout, self->message, (uint32_t)self->rdi, bytes))
        return PD_BAD_ARGUMENT;
    if (self->rsi)
        service->region->memory.layout = layout->count ? layout : NULL;
    return PD_OK;
}

static int64_t start(struct service *service)
{
    if (service->stage != STAGE_UNUSED || !service->entry_fresh)
        return PD_BAD_STAGE;
    service_restart(service, service->entry_fresh, STAGE_FRESH_START);
    return PD_OK;
}

static int64_t bind_notification(struct thread *self, struct service *service)
{
    struct capability *argument = capability_at(&self->domain->table, self->rdi);
    struct notification *notification = (struct notification *)argument->object;

    if (argument->type != OBJECT_NOTIFICATION)
        return argument->type == OBJECT_NONE ? PD_BAD_CAPABILITY : PD_WRONG_TYPE;
    if (!(argument->rights & RIGHT_USE))
        return PD_NO_RIGHT;
    if (notification->semaphore)
        return PD_WRONG_TYPE;
    if (service->notification || notification->service || notification->waiters)
        return PD_BUSY;
    service->notification = notification;
    notification->service = service;
    object_hold(&notification->object);
    service_event(service, notification->bits); /* what was signalled before */
    notification->bits = 0;
    return PD_OK;
}

static int64_t set_identity(struct thread *self, struct service *service)
{
    if (self->domain->object.payer)
        return PD_NO_RIGHT; /* the system's services are the root domain's to name */
    if (!self->rdi || self->rdi >= OBSERVED_SERVICES || self->r10 > 1)
        return PD_BAD_ARGUMENT;
    if (service->number || observed_services[self->rdi].name[0] || service->stage != STAGE_UNUSED)
        return PD_BUSY;
    service->number = (uint32_t)self->rdi;
    service->supervisor = (uint32_t)self->r10;
    service->observed = &observed_services[self->rdi];
    __builtin_memcpy(service->observed->name, (uint64_t[2]){self->rsi, self->rdx}, sizeof(service->observed->name));
    service_register(service);
    return PD_OK;
}

static int64_t set_scheduling(struct thread *self, struct service *service)
{
    if (self->rdi > PRIORITY_MAXIMUM)
        return PD_BAD_ARGUMENT;
    if (self->rdi > self->domain->priority_limit)
        return PD_NO_RIGHT;
    sched_context_set_priority(service->context, (uint8_t)self->rdi);
    return PD_OK;
}

static void make(struct thread *self, struct service *service, uint64_t operation)
{
    switch (operation) {
    case SERVICE_ADD_SEGMENT:
        thread_stepwise(self, add_segment(self, service));
        return;
    case SERVICE_SET_ENTRIES:
        thread_status(self, set_entries(self, service));
        return;
    case SERVICE_SET_RANGES:
        thread_status(self, set_ranges(self, service));
        return;
    case SERVICE_START:
        thread_status(self, start(service));
        return;
    case SERVICE_BIND_NOTIFICATION:
        thread_status(self, bind_notification(self, service));
        return;
    case SERVICE_SET_IDENTITY:
        thread_status(self, set_identity(self, service));
        return;
    default:
        thread_status(self, set_scheduling(self, service));
    }
}

/* ---- binding ---- */

static void bind(struct thread *self, struct service *service)
{
    struct capability *client = capability_at(&self->domain->table, self->rdi);
    uint64_t binding = 0;
    int64_t status;

    if (client->type != OBJECT_DOMAIN)
        status = client->type == OBJECT_NONE ? PD_BAD_CAPABILITY : PD_WRONG_TYPE;
    else if (!(client->rights & RIGHT_MANAGE))
        status = PD_NO_RIGHT;
    else if (service->stage == STAGE_UNUSED)
        status = PD_BAD_STAGE;
    else if (self->rdx > UINT32_MAX)
        status = PD_BAD_ARGUMENT;
    else
        status = service_bind(service, (struct domain *)client->object, self->rsi, (uint32_t)self->rdx, &binding);
    if (status == PD_OK)
        thread_result(self, status, binding, 0, 0);
    else
        thread_status(self, status);
}

/* Who may bind clients may end bindings of its own; another's only who manages or supervises the service. */
static int64_t unbind(struct thread *self, struct service *service, uint8_t rights)
{
    struct portal *portal = service_portal(service, self->rdi);

    if (!portal)
        return PD_BAD_ARGUMENT;
    if (portal->client != self->domain && !(rights & (RIGHT_MANAGE | RIGHT_SUPERVISE)))
        return PD_NO_RIGHT;
    service_unbind(portal);
    return PD_OK;
}

/* ---- serving ---- */

static uint64_t binding_flags(const struct portal *portal)
{
    uint64_t flags = 0;

    if (portal->gate == PORTAL_LOST)
        flags |= BINDING_QUARANTINED;
    if (portal->gate == PORTAL_UNBINDING)
        flags |= BINDING_UNBINDING;
    if (portal->deferred)
        flags |= BINDING_DEFERRED;
    if (portal->waiting)
        flags |= BINDING_PARKED;
    return flags;
}

static void enumerate(struct thread *self, struct service *service)
{
    struct portal *portal = service->portals;
    uint64_t index = 0;

    if (service->found && service->found_index <= self->rdi) {
        portal = service->found;
        index = service->found_index;
    }
    while (portal && index < self->rdi) {
        portal = portal->service_next;
        index++;
    }
    if (!portal) {
        thread_status(self, PD_BAD_ARGUMENT);
        return;
    }
    service->found = portal;
    service->found_index = index;
    thread_result(self, PD_OK, portal->binding, binding_flags(portal), portal->badge);
    self->r10 = handover_kept(portal);
}

static int64_t open_ssr(struct thread *self, struct service *service)
{
    struct portal *portal = service_portal(service, self->rdi);

    if (service->portal)
        return PD_BAD_STAGE;
    if (!portal || !portal->ssr)
        return PD_BAD_ARGUMENT;
    if (portal->gate == PORTAL_LOST)
        return PD_LOST;
    return transaction_open(service, portal->ssr);
}

static int64_t close_ssr(struct service *service)
{
    if (!service->open)
        return PD_BAD_STAGE;
    transaction_close(service);
    /* Recovery opens as many as there are, so it commits them one by one; what it writes is safe to write again. */
    if (service->stage != STAGE_RECOVERING)
        return PD_OK;
    if (transaction_commit(service))
        handover_end(service);
    else
        service_fail(service, &(struct failure){.cause = CAUSE_CHECK, .instruction = service->worker->rip});
    return PD_OK;
}

static int64_t quarantine(struct thread *self, struct service *service)
{
    struct portal *portal = service_portal(service, self->rdi);

    if (!portal || !portal->ssr)
        return PD_BAD_ARGUMENT;
    if (service->open == portal->ssr)
        transaction_close(service);
    portal->ssr->memory.quarantined = 1;
    portal_lose(portal);
    return PD_OK;
}

static int64_t answer(struct thread *self, struct service *service)
{
    struct portal *portal = service_portal(service, self->rdi);
    struct thread *waiter = portal ? deferred_request(service, portal) : NULL;
    struct answer *answer = &service->answers[service->answer_count];

    if (!portal || self->r8 > MESSAGE_BYTES)
        return PD_BAD_ARGUMENT;
    if (!waiter)
        return PD_AGAIN;
    if (service->answer_count == SERVICE_ANSWERS)
        return PD_BUSY;
    *answer = (struct answer){.thread = waiter, .word = {self->rsi, self->rdx, self->r10}, .message_bytes = self->r8};
    if (self->r8 && !waiter->asking)
        message_copy(waiter, self, self->r8);
    service->answer_count++;
    service->attention |= ATTENTION_OPENED;
    return PD_OK;
}

static void deferred(struct thread *self, struct service *service)
{
    struct portal *portal = service_portal(service, self->rdi);
    struct thread *waiter = portal ? deferred_request(service, portal) : NULL;

    if (!waiter) {
        thread_status(self, portal ? PD_AGAIN : PD_BAD_ARGUMENT);
        return;
    }
    thread_result(self, PD_OK, (waiter->rax & UINT32_MAX) >> INVOKE_OPERATION_SHIFT, waiter->rdi, waiter->rsi);
    self->r10 = waiter->rdx;
}

static void serve(struct thread *self, struct service *service, uint64_t operation)
{
    if (self->service != service) {
        thread_status(self, PD_NO_RIGHT);
        return;
    }
    switch (operation) {
    case SERVICE_OPEN_SSR:
        thread_status(self, open_ssr(self, service));
        return;
    case SERVICE_CLOSE_SSR:
        thread_status(self, PD_OK);
        thread_status(self, close_ssr(service));
        return;
    case SERVICE_ENUMERATE:
        enumerate(self, service);
        return;
    case SERVICE_ANSWER:
        thread_status(self, answer(self, service));
        return;
    case SERVICE_DEFERRED:
        deferred(self, service);
        return;
    case SERVICE_KEEP:
        thread_status(self, handover_keep(service, self->rdi, self->rsi));
        return;
    case SERVICE_USE:
        thread_status(self, handover_use(service, service_portal(service, self->rdi), self->rsi, self->rdx));
        return;
    case SERVICE_DROP:
        thread_status(self, handover_drop(service, service_portal(service, self->rdi), self->rsi));
        return;
    case SERVICE_ALARM:
        thread_status(self, PD_OK);
        service_alarm(service, self->rdi ? clock_ns_to_ticks(self->rdi) | 1 : 0, self->rsi);
        return;
    default:
        service_fail(service, &(struct failure){.cause = CAUSE_PANIC, .code = self->rdi, .instruction = self->rip});
    }
}

void service_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct service *service = service_of(capability->object);
    uint8_t rights = capability->rights, needed;
    bool making = operation >= SERVICE_ADD_SEGMENT && operation <= SERVICE_START;

    making |= operation == SERVICE_BIND_NOTIFICATION || operation == SERVICE_SET_IDENTITY ||
              operation == SERVICE_SET_SCHEDULING;
    if (making)
        needed = RIGHT_MANAGE;
    else if (operation == SERVICE_BIND)
        needed = RIGHT_GRANT;
    else if (operation == SERVICE_UNBIND)
        needed = RIGHT_GRANT | RIGHT_MANAGE | RIGHT_SUPERVISE;
    else if (operation == SERVICE_QUARANTINE)
        needed = RIGHT_SERVE | RIGHT_SUPERVISE;
    else if ((operation >= SERVICE_OPEN_SSR && operation <= SERVICE_DEFERRED) ||
             (operation >= SERVICE_ALARM && operation <= SERVICE_DROP))
        needed = RIGHT_SERVE;
    else if ((operation >= SERVICE_RECORD && operation <= SERVICE_ACKNOWLEDGE) || operation == SERVICE_USAGE ||
             operation == SERVICE_CHECK)
        needed = RIGHT_SUPERVISE;
    else {
        thread_status(self, PD_BAD_OPERATION);
        return;
    }
    if (!(rights & needed))
        thread_status(self, PD_NO_RIGHT);
    else if (operation == SERVICE_QUARANTINE)
        thread_status(self, quarantine(self, service));
    else if (operation == SERVICE_BIND)
        bind(self, service);
    else if (operation == SERVICE_UNBIND)
        thread_status(self, unbind(self, service, rights));
    else if (needed == RIGHT_MANAGE)
        make(self, service, operation);
    else if (needed == RIGHT_SERVE)
        serve(self, service, operation);
    else
        service_supervise(self, service, operation);
}

void ssr_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct ssr *ssr = (struct ssr *)capability->object;

    if (operation == SSR_INFO)
        thread_result(self, PD_OK, ssr->memory.bytes, ssr->commits, ssr->memory.repairs);
    else
        thread_status(self, PD_BAD_OPERATION);
}
