/* SPDX-License-Identifier: MIT */
/* The call flow in full generality: messages and lent pages, queues, deferred requests, events, last
 * transactions, and the calls that run again after a recovery. fastpath.c does the common case alone.
 *
 * Rule: until its reply the request stays with its caller, in its saved registers and its message page, and they
 * are not touched; so a call that was cut short is begun again as if it had just been made.
 */
#include "kernel/domain.h"
#include "kernel/invoke.h"
#include "kernel/notification.h"
#include "kernel/pager.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"
#include "kernel/x86_64/cpu.h"

static uint64_t operation_of(const struct thread *caller)
{
    return (caller->rax & UINT32_MAX) >> INVOKE_OPERATION_SHIFT;
}

void address_space_changed(uint64_t root)
{
    if (cpu_local()->root == root)
        cpu_local()->root = 0;
}

void window_changed(struct service *service)
{
    address_space_changed(service->domain->root);
}

/* Its own time helps whoever it works for, so that what is due next does not wait for another's budget or priority. */
static void help_itself(struct service *service)
{
    if (service->stage != STAGE_RUNNING || service->context->thread)
        return;
    service->context->thread = service->worker;
    sched_enqueue(service->context);
}

/* ---- beginning ---- */

static void worker_deliver(struct service *service, struct sched_context *context, uint64_t kind)
{
    struct thread *worker = service->worker;

    worker->rax = kind;
    worker->state = THREAD_RUNNABLE;
    worker->context = context;
    if (context) {
        context->thread = worker;
        if (!context->queued)
            sched_enqueue(context);
    }
    service->acceptor = NULL;
    window_changed(service);
}

static uint32_t attention_due(const struct service *service)
{
    return service->pending_events || service->queue_head || service->unbinding ? ATTENTION_QUEUED : 0;
}

/* Begin `caller`'s call: it is in no queue, the worker is idle. False: it has been answered instead. */
static bool begin_call(struct service *service, struct thread *caller)
{
    struct portal *portal = caller->portal;
    struct thread *worker = service->worker;
    uint64_t message_bytes = caller->r8 & TRANSFER_MESSAGE_BYTES_MASK;
    int64_t status = portal->gate == PORTAL_OPEN ? PD_OK : portal->gate == PORTAL_LOST ? PD_LOST : PD_DEAD;

    if (status == PD_OK)
        status = transaction_begin(service, portal, caller);
    if (status != PD_OK) {
        caller->state = THREAD_RUNNABLE;
        call_finish(caller, status, call_fate(caller));
        return false;
    }
    if (caller->r8 & ((uint64_t)TRANSFER_SEND_MASK << TRANSFER_SEND_SHIFT | TRANSFER_MESSAGE_BYTES_MASK) &&
        caller->domain->thread_count > 1)
        message_freeze(caller);
    if (message_bytes)
        words_copy(worker->message, caller->message, (message_bytes + 7) / 8);
    service->caller = caller;
    service->attention = attention_due(service) | (caller->r8 || service->large ? ATTENTION_TRANSFER : 0);
    if (call_tried_before(caller))
        service->attention |= ATTENTION_TRIED;
    if (service->traced == caller) {
        service->attention |= ATTENTION_TRIED;
        trace_current(service)->t_rerun = cpu_timestamp();
    }
    caller->state = THREAD_CALLING;
    worker->rdi = caller->rdi;
    worker->rsi = caller->rsi;
    worker->rdx = caller->rdx;
    worker->r10 = caller->r10;
    worker->r8 = caller->r8 & ((1ull << TRANSFER_SEND_SHIFT) - 1);
    worker->rbx = portal->binding;
    worker->r9 = operation_of(caller) | (uint64_t)portal->binding << INVOKE_OPERATION_SHIFT;
    worker_deliver(service, caller->context, caller->rax >> INVOKE_CHECK_SHIFT);
    if (service->pending_events || service->unbinding)
        help_itself(service);
    return true;
}

/* Events, starts and last transactions have no caller and run on the service's own time. */
static void begin_own(struct service *service, uint64_t kind, uint64_t word0, uint64_t binding)
{
    struct thread *worker = service->worker;

    service->caller = NULL;
    service->used_ticks = 0;
    service->attention = attention_due(service) | ATTENTION_NO_CALLER;
    worker->rdi = word0;
    worker->rsi = worker->rdx = worker->r10 = worker->r8 = 0;
    worker->r9 = binding << INVOKE_OPERATION_SHIFT;
    worker_deliver(service, service->context, kind);
}

static void begin_event(struct service *service)
{
    service->taken_events = service->pending_events;
    service->pending_events = 0;
    service->portal = NULL;
    service->observed->serving_binding = 0;
    begin_own(service, DELIVER_EVENT, service->taken_events, 0);
}

static bool begin_unbind(struct service *service)
{
    struct portal *portal = service->unbinding;

    service->unbinding = portal->unbind_next;
    portal->unbind_next = NULL;
    if (transaction_begin(service, portal, NULL) != PD_OK) {
        portal_close(portal); /* nothing of it is left that could be shown */
        return false;
    }
    service->closing = portal;
    begin_own(service, DELIVER_UNBIND, 0, portal->binding);
    return true;
}

void service_next(struct service *service)
{
    service->acceptor = NULL;
    if (service->stage != STAGE_RUNNING)
        return;
    while (attention_due(service)) {
        if (!transaction_open_region(service)) {
            service_give_up(service);
            return;
        }
        if (service->pending_events) {
            begin_event(service);
            return;
        }
        if (service->queue_head) {
            if (begin_call(service, service_dequeue(service)))
                return;
        } else if (begin_unbind(service)) {
            return;
        }
    }
    service->acceptor = service->worker;
    service->attention = ATTENTION_NO_CALLER;
}

void service_due(struct service *service)
{
    if (service->acceptor) {
        service_next(service);
        return;
    }
    service->attention |= ATTENTION_QUEUED;
    help_itself(service);
}

void service_event(struct service *service, uint64_t bits)
{
    service->pending_events |= bits;
    service_due(service);
}

struct thread *call_slow(struct thread *self, struct portal *portal)
{
    struct service *service = portal->service;

    if (portal->gate != PORTAL_OPEN || service->stage == STAGE_GIVEN_UP) {
        thread_result(self, portal->gate == PORTAL_LOST ? PD_LOST : PD_DEAD, FATE_NOT_DONE, 0, 0);
        return self;
    }
    if (!transfer_valid(self) || service == self->service) {
        thread_status(self, PD_BAD_ARGUMENT);
        return self;
    }
    self->portal = portal;
    if (!service->acceptor) {
        service_enqueue(service, self);
        return switch_to(schedule());
    }
    if (!transaction_open_region(service))
        service_give_up(service);
    if (service->stage == STAGE_GIVEN_UP) {
        thread_result(self, PD_DEAD, FATE_NOT_DONE, 0, 0);
        return self;
    }
    if (!begin_call(service, self))
        return kernel_leave();
    return switch_to(cpu_local()->reschedule ? schedule() : service->worker);
}

/* ---- ending ---- */

static void deliver_answers(struct service *service)
{
    for (uint32_t i = 0; i < service->answer_count; i++) {
        struct answer *answer = &service->answers[i];
        struct thread *thread = answer->thread;

        if (!thread)
            continue;
        if (thread->asking) {
            call_finish(thread, PD_OK, answer->word[0]);
            continue;
        }
        call_finish(thread, PD_OK, answer->word[0]);
        thread->rsi = answer->word[1];
        thread->rdx = answer->word[2];
        thread->r8 = answer->message_bytes;
    }
    service->answer_count = 0;
}

/* The transaction has committed: give the caller its reply, or leave it with its request. */
static void finish_call(struct service *service, struct thread *worker)
{
    struct thread *caller = service->caller;
    struct sched_context *context = worker->context;
    uint64_t message_bytes = worker->r8 & TRANSFER_MESSAGE_BYTES_MASK;

    if (!caller)
        return;
    caller->context = context;
    context->thread = caller;
    if (worker->rax & REPLY_AGAIN) {
        caller->call_partial = true;
        caller->call_parts++;
        caller->call_kills = 0;
        service_enqueue_first(service, caller);
        if (!context->queued)
            sched_enqueue(context);
        return;
    }
    call_forget_tries(caller);
    if (worker->rax & REPLY_DEFER) {
        deferred_append(service->portal, caller);
        if (service->portal->gate != PORTAL_OPEN) /* nobody would see it any more */
            call_finish(caller, PD_DEAD, FATE_UNKNOWN);
        return;
    }
    message_thaw(caller);
    if (message_bytes && !caller->asking)
        message_copy(caller, worker, message_bytes);
    caller->rax = PD_OK;
    caller->rdi = worker->rdi;
    caller->rsi = worker->rsi;
    caller->rdx = worker->rdx;
    caller->r10 = worker->r10;
    caller->r8 = handover_in(worker->r8) ? message_bytes | handover_reply(worker, caller) : message_bytes;
    if (caller->asking)
        pager_done(caller);
    caller->state = THREAD_RUNNABLE;
    if (!context->queued)
        sched_enqueue(context);
}

static void finish_trace(struct service *service)
{
    if (!service->tracing)
        return;
    if (service->stage != STAGE_RUNNING) {
        trace_current(service)->t_ready = cpu_timestamp();
        if (!service->traced)
            trace_end(service);
    } else if (service->traced && service->traced == service->caller && !(service->worker->rax & REPLY_AGAIN)) {
        trace_current(service)->t_replied = cpu_timestamp();
        service->traced = NULL;
        trace_end(service);
    }
}

static bool reply_agrees(const struct thread *worker)
{
    return !(worker->rax & REPLY_CHECKED) || worker->r9 == reply_check(worker);
}

static bool reply_valid(const struct service *service, const struct thread *worker)
{
    uint64_t flags = worker->rax & ~(1ull << REPLY_SYSCALL_BIT | REPLY_CHECKED);
    uint64_t bytes = worker->r8 & ~((uint64_t)TRANSFER_SEND_MASK << TRANSFER_SEND_SHIFT);

    if (bytes > MESSAGE_BYTES || (handover_in(worker->r8) && !handover_valid(worker->r8)) || flags > REPLY_AGAIN || flags == (REPLY_DEFER | REPLY_AGAIN))
        return false;
    return !flags || (service->portal && !service->closing);
}

struct thread *reply_slow(struct thread *worker)
{
    struct service *service = worker->service;
    struct thread *caller;

    if (!service || service->supervisor) {
        thread_status(worker, PD_BAD_OPERATION);
        return worker;
    }
    if (!reply_valid(service, worker)) {
        service_fail(service, &(struct failure){.cause = CAUSE_PROTOCOL, .instruction = worker->rip});
        return kernel_leave();
    }
    if (worker->rax & REPLY_AGAIN && service->caller && service->caller->call_parts >= CALL_TRANSACTIONS_MAXIMUM) {
        service_fail(service, &(struct failure){.cause = CAUSE_HANG, .instruction = worker->rip});
        return kernel_leave();
    }
    if (!reply_agrees(worker) || !transaction_commit(service)) {
        service_fail(service, &(struct failure){.cause = CAUSE_CHECK, .instruction = worker->rip});
        return kernel_leave();
    }
    caller = service->caller;
    deliver_answers(service);
    finish_trace(service);
    if (service->closing) {
        portal_close(service->closing);
        service->closing = NULL;
    } else if (service->portal) {
        finish_call(service, worker);
    }
    if (handover_under_way(service))
        handover_end(service);
    if (service->stage != STAGE_RUNNING)
        service_set_stage(service, STAGE_RUNNING);
    if (service->context->thread) { /* it worked or helped */
        sched_dequeue(service->context);
        service->context->thread = NULL;
    }
    worker->context = NULL;
    worker->state = THREAD_IDLE;
    service->caller = NULL;
    service->portal = NULL;
    service_next(service);
    if (caller && caller->state == THREAD_RUNNABLE && caller->context == cpu_local()->context &&
        !cpu_local()->reschedule)
        return switch_to(caller);
    return switch_to(schedule());
}
