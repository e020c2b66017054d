/* SPDX-License-Identifier: MIT */
/* Where callers wait, in the queue of a service or with a deferred request, and how they leave: answered, dead, or
 * because they have waited long enough.
 *
 * Rule: who waits keeps its request and a reference to its portal, and a caller that leaves takes nothing from the
 * service: what it was being served goes on to its end, on the service's own time, and the reply has nobody to go to.
 */
#include "kernel/domain.h"
#include "kernel/pager.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"

/* ---- the queue ---- */

static void mark_queued(struct service *service, struct thread *caller)
{
    caller->state = THREAD_QUEUED;
    caller->portal->waiting++;
    object_hold(&caller->portal->object);
    service->attention |= ATTENTION_QUEUED;
}

void service_enqueue_first(struct service *service, struct thread *caller)
{
    mark_queued(service, caller);
    caller->queue_next = service->queue_head;
    if (!service->queue_head)
        service->queue_tail = caller;
    service->queue_head = caller;
}

void service_enqueue(struct service *service, struct thread *caller)
{
    mark_queued(service, caller);
    caller->queue_next = NULL;
    if (service->queue_head)
        service->queue_tail->queue_next = caller;
    else
        service->queue_head = caller;
    service->queue_tail = caller;
}

static void dequeue(struct service *service, struct thread *caller)
{
    struct thread **link = &service->queue_head, *previous = NULL;

    while (*link != caller) {
        previous = *link;
        link = &(*link)->queue_next;
    }
    *link = caller->queue_next;
    if (service->queue_tail == caller)
        service->queue_tail = previous;
    caller->portal->waiting--;
    object_release(&caller->portal->object);
}

struct thread *service_dequeue(struct service *service)
{
    struct thread *best = service->queue_head;

    for (struct thread *thread = best; thread; thread = thread->queue_next)
        if (thread->context && best->context && thread->context->priority > best->context->priority)
            best = thread;
    dequeue(service, best);
    return best;
}

/* ---- deferred requests ---- */

void deferred_append(struct portal *portal, struct thread *caller)
{
    struct thread **link = &portal->deferred;

    while (*link)
        link = &(*link)->queue_next;
    *link = caller;
    caller->queue_next = NULL;
    caller->state = THREAD_DEFERRED;
    object_hold(&portal->object);
}

static void deferred_remove(struct portal *portal, struct thread *caller)
{
    struct service *service = portal->service;
    struct thread **link = &portal->deferred;

    while (*link != caller)
        link = &(*link)->queue_next;
    *link = caller->queue_next;
    for (uint32_t i = 0; i < service->answer_count; i++)
        if (service->answers[i].thread == caller)
            service->answers[i].thread = NULL;
    object_release(&portal->object);
}

static bool is_answered(const struct service *service, const struct thread *caller)
{
    for (uint32_t i = 0; i < service->answer_count; i++)
        if (service->answers[i].thread == caller)
            return true;
    return false;
}

struct thread *deferred_request(const struct service *service, const struct portal *portal)
{
    struct thread *caller = portal->deferred;

    while (caller && is_answered(service, caller))
        caller = caller->queue_next;
    return caller;
}

/* ---- leaving ---- */

uint64_t call_fate(const struct thread *caller)
{
    return caller->call_partial ? FATE_UNKNOWN : FATE_NOT_DONE;
}

/* The chain of calls that a caller of `service` paid for goes on, on the time of the service. */
static void adopt_chain(struct service *service)
{
    struct thread *end = service->worker;

    end->context = service->context;
    while (end->state == THREAD_CALLING && end->portal->service->caller == end) {
        end = end->portal->service->worker;
        end->context = service->context; /* none of them keeps the one that goes with the caller */
    }
    service->context->thread = end;
    sched_enqueue(service->context);
}

void call_abandon(struct thread *caller)
{
    struct portal *portal = caller->portal;
    struct service *service = portal->service;

    if (caller->state == THREAD_QUEUED) {
        dequeue(service, caller);
    } else if (caller->state == THREAD_DEFERRED) {
        deferred_remove(portal, caller);
    } else if (service->caller == caller) {
        transfer_freeze(service);
        service->caller = NULL;
        service->attention |= ATTENTION_NO_CALLER;
        adopt_chain(service);
    }
    call_forget_tries(caller);
    if (service->traced == caller) {
        service->traced = NULL;
        if (service->stage == STAGE_RUNNING)
            trace_end(service); /* else it ends when the new incarnation is ready */
    }
}

void call_finish(struct thread *caller, int64_t status, uint64_t word0)
{
    call_abandon(caller);
    message_thaw(caller);
    thread_result(caller, status, word0, 0, 0);
    caller->r10 = 0;
    caller->r8 = 0;
    if (caller->asking)
        pager_done(caller);
    thread_wake(caller);
}

bool call_leave(struct thread *caller, int64_t status)
{
    struct service *service = caller->portal->service;
    uint64_t fate = caller->state == THREAD_QUEUED ? call_fate(caller) : FATE_UNKNOWN;

    if (caller->state == THREAD_DEFERRED && is_answered(service, caller))
        return false;
    caller->call_deadline = 0;
    call_finish(caller, status, fate);
    cpu_local()->reschedule = 1; /* whose time is used may have changed hands */
    return true;
}
