/* SPDX-License-Identifier: MIT */
/* Threads: see thread.h. */
#include "kernel/thread.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/notification.h"
#include "kernel/pager.h"
#include "kernel/service.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/log.h"
#include "kernel/x86_64/mmu.h"

#define SYSCALL_INSTRUCTION_BYTES 2
#define LOG_BYTES_MAXIMUM 200u
#define MESSAGE_ENTRY ((WINDOW_MESSAGE - WINDOW_SSR) / PAGE_BYTES)

/* Threads with a deadline, by the time of it modulo a turn of the wheel: to come and to go takes constant time, and a tick
 * looks at those alone whose deadline is due now or so many turns later. */
#define WHEEL_SLOTS 256u
#define WHEEL_SLOT_SHIFT 20 /* 2^20 of the time-stamp counter: about as long as a tick */
static struct thread *wheel[WHEEL_SLOTS];
static uint64_t wheel_slot; /* up to which all have been looked through, not modulo anything */

void thread_repeat_call(struct thread *self)
{
    self->rip -= SYSCALL_INSTRUCTION_BYTES;
}

void thread_stepwise(struct thread *self, int64_t status)
{
    if (status == PD_AGAIN)
        thread_repeat_call(self);
    else
        thread_status(self, status);
}

/* A message page for one more thread of `domain`, mapped in its window. */
static bool message_page_make(struct domain *domain, struct thread *thread)
{
    uint64_t frame;

    while (thread->message_index < DOMAIN_THREADS && domain->message_pages & 1u << thread->message_index)
        thread->message_index++;
    if (thread->message_index == DOMAIN_THREADS)
        return false;
    frame = frame_allocate_zeroed(domain);
    if (!frame)
        return false;
    domain->message_pages |= 1u << thread->message_index;
    thread->message_entry = &domain->window[MESSAGE_ENTRY + thread->message_index];
    *thread->message_entry = frame | PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_NO_EXECUTE;
    thread->message = physical_to_pointer(frame);
    return true;
}

static void message_page_free(struct domain *domain, struct thread *thread)
{
    if (!thread->message)
        return;
    domain->message_pages &= ~(1u << thread->message_index);
    *thread->message_entry = 0;
    mmu_flush_page(WINDOW_MESSAGE + (uint64_t)thread->message_index * PAGE_BYTES); /* a sibling may be running */
    frame_free(domain, pointer_to_physical(thread->message));
    thread->message = NULL;
}

/* A message stays as it is until its call has ended; a sibling that writes there waits. */
void message_freeze(struct thread *thread)
{
    *thread->message_entry &= ~PTE_WRITABLE;
    address_space_changed(thread->domain->root);
}

struct thread *thread_create(struct domain *domain)
{
    struct thread *thread = kernel_allocate(domain, sizeof(*thread));

    if (!thread)
        return NULL;
    if (!message_page_make(domain, thread)) {
        kernel_free(domain, thread, sizeof(*thread));
        return NULL;
    }
    thread->object = (struct object){.type = OBJECT_THREAD, .references = 1, .payer = domain};
    object_hold(&domain->object);
    thread->domain = domain;
    thread->root = domain->root;
    thread->domain_next = domain->threads;
    domain->threads = thread;
    domain->thread_count++;
    return thread;
}

void thread_prepare(struct thread *thread, uint64_t entry, uint64_t stack, uint64_t argument)
{
    words_zero(thread, offsetof(struct thread, domain) / 8);
    thread->rip = entry;
    thread->rsp = stack;
    thread->rdi = argument;
    thread->rsi = WINDOW_MESSAGE + (uint64_t)thread->message_index * PAGE_BYTES;
    thread->rflags = RFLAGS_IF | 2;
    thread->reclaim_steps = 0;
    thread->resume_all = 1;
}

static void set_deadline(struct thread *thread, uint64_t ticks)
{
    uint64_t slot = ticks >> WHEEL_SLOT_SHIFT;
    struct thread **head = &wheel[(slot < wheel_slot ? wheel_slot : slot) % WHEEL_SLOTS];

    thread->deadline_ticks = ticks;
    thread->deadline_link = head;
    thread->deadline_next = *head;
    if (*head)
        (*head)->deadline_link = &thread->deadline_next;
    *head = thread;
}

void thread_cancel_deadline(struct thread *thread)
{
    if (!thread->deadline_ticks)
        return;
    *thread->deadline_link = thread->deadline_next;
    if (thread->deadline_next)
        thread->deadline_next->deadline_link = thread->deadline_link;
    thread->deadline_ticks = 0;
}

static void set_call_deadline(struct thread *thread, uint64_t ticks)
{
    thread->call_deadline = ticks;
    thread_cancel_deadline(thread);
    if (ticks)
        set_deadline(thread, ticks);
}

void thread_wake(struct thread *thread)
{
    set_call_deadline(thread, thread->call_deadline); /* of its wait there is none any more */
    thread->state = THREAD_RUNNABLE;
    if (thread->context) {
        thread->context->thread = thread;
        sched_enqueue(thread->context);
    }
}

void thread_wait(struct thread *thread, uint64_t deadline_ns)
{
    thread->state = THREAD_WAITING;
    if (thread->context)
        sched_dequeue(thread->context);
    thread_cancel_deadline(thread);
    if (deadline_ns)
        set_deadline(thread, clock_ns_to_ticks(deadline_ns) | 1);
}

static void wait_no_longer(struct thread *thread)
{
    if (!thread->resume_all) /* a system call ends; else it waited for a page */
        thread_status(thread, thread->waiting_for ? PD_TIMEOUT : PD_OK);
    if (thread->waiting_for)
        notification_forget(thread->waiting_for, thread);
    thread_wake(thread);
}

static void deadline_passed(struct thread *thread, uint64_t now_ticks)
{
    thread_cancel_deadline(thread);
    if (thread->state == THREAD_WAITING)
        wait_no_longer(thread);
    else if (!thread_in_call(thread) || thread->asking || !call_leave(thread, PD_TIMEOUT))
        set_deadline(thread, now_ticks + clock_ns_to_ticks(TICK_NS)); /* its call is still to come, or about to end */
}

void thread_deadlines(uint64_t now_ticks)
{
    uint64_t last = now_ticks >> WHEEL_SLOT_SHIFT, slot = wheel_slot;
    struct thread *next;

    if (last - slot >= WHEEL_SLOTS)
        slot = last - WHEEL_SLOTS + 1;
    for (wheel_slot = last; slot <= last; slot++) {
        for (struct thread *thread = wheel[slot % WHEEL_SLOTS]; thread; thread = next) {
            next = thread->deadline_next;
            if (thread->deadline_ticks <= now_ticks)
                deadline_passed(thread, now_ticks);
        }
    }
}

static void leave_domain(struct thread *thread)
{
    struct thread **link = &thread->domain->threads;

    while (*link && *link != thread)
        link = &(*link)->domain_next;
    if (!*link)
        return;
    *link = thread->domain_next;
    thread->domain->thread_count--;
}

/* Its time pays for nothing any more, neither for itself nor for whom it has called. */
static void release_context(struct thread *thread)
{
    struct sched_context *context = thread->context;

    thread->context = NULL;
    if (!context || thread->service) /* a worker's is lent to it */
        return;
    sched_dequeue(context);
    context->thread = NULL;
    object_release(&context->object);
}

void thread_end(struct thread *thread)
{
    thread->object.dead = 1;
    if (thread_in_call(thread))
        call_abandon(thread);
    if (thread->asking)
        pager_done(thread);
    if (thread->waiting_for)
        notification_forget(thread->waiting_for, thread);
    thread_cancel_deadline(thread);
    sched_fpu_drop(thread);
    if (thread->fpu)
        kernel_free(thread->domain, thread->fpu, FPU_BYTES);
    thread->fpu = NULL;
    release_context(thread);
    thread->state = THREAD_STOPPED;
    if (cpu_local()->current == thread) {
        cpu_local()->current = NULL;
        cpu_local()->reschedule = 1;
    }
    leave_domain(thread);
    message_page_free(thread->domain, thread);
}

void __attribute__((noinline)) bench_mark_hook(uint64_t mark)
{
    __asm__ volatile("" : : "r"(mark) : "memory");
}

static void log_message(struct thread *self, uint64_t bytes)
{
    if (bytes > LOG_BYTES_MAXIMUM) {
        thread_status(self, PD_BAD_ARGUMENT);
        return;
    }
    log_line("%.*s", (int)bytes, (const char *)self->message);
    thread_status(self, PD_OK);
}

/* Operations that a thread may do to itself only. */
static void invoke_self(struct thread *self, uint64_t operation)
{
    thread_status(self, PD_OK);
    switch (operation) {
    case THREAD_YIELD:
        if (self->context) {
            sched_dequeue(self->context);
            sched_enqueue(self->context);
        }
        cpu_local()->reschedule = 1;
        return;
    case THREAD_SLEEP_UNTIL:
        if (self->service && !self->service->supervisor)
            thread_status(self, PD_BAD_STAGE);
        else if (clock_ns_to_ticks(self->rdi) > cpu_timestamp())
            thread_wait(self, self->rdi);
        return;
    case THREAD_CALL_DEADLINE:
        if (self->service)
            thread_status(self, PD_BAD_STAGE);
        else
            set_call_deadline(self, self->rdi ? clock_ns_to_ticks(self->rdi) | 1 : 0);
        return;
    case THREAD_MARK:
        bench_mark_hook(self->rdi);
        return;
    default:
        log_message(self, self->rdi);
    }
}

static void start(struct thread *self, struct thread *thread)
{
    if (thread->state != THREAD_STOPPED || thread->service) {
        thread_status(self, PD_BUSY);
    } else if (self->rdi >= USER_END || self->rsi >= USER_END) {
        thread_status(self, PD_BAD_ADDRESS);
    } else {
        thread_prepare(thread, self->rdi, self->rsi, self->rdx);
        thread_status(self, PD_OK);
        thread_wake(thread);
    }
}

static void bind_context(struct thread *self, struct thread *thread)
{
    struct capability *argument = capability_at(&self->domain->table, self->rdi);
    struct sched_context *context = (struct sched_context *)argument->object;

    if (argument->type != OBJECT_SCHED_CONTEXT) {
        thread_status(self, argument->type == OBJECT_NONE ? PD_BAD_CAPABILITY : PD_WRONG_TYPE);
    } else if (!(argument->rights & RIGHT_MANAGE)) {
        thread_status(self, PD_NO_RIGHT);
    } else if (context->object.dead) {
        thread_status(self, PD_DEAD);
    } else if (context->thread || thread->context || thread->service || thread->object.dead) {
        thread_status(self, PD_BUSY);
    } else {
        thread->context = context;
        context->thread = thread;
        object_hold(&context->object); /* it lives as long as who runs on it */
        if (thread->state == THREAD_RUNNABLE)
            sched_enqueue(context);
        thread_status(self, PD_OK);
    }
}

void thread_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct thread *thread = thread_of(capability->object);

    if (operation >= THREAD_YIELD && operation <= THREAD_CALL_DEADLINE) {
        if (thread == self)
            invoke_self(self, operation);
        else
            thread_status(self, PD_BAD_ARGUMENT);
        return;
    }
    if (operation == THREAD_INFO && capability->rights & RIGHT_USE) {
        thread_result(self, PD_OK, thread->state, thread->rip, 0);
        return;
    }
    if (!(capability->rights & RIGHT_MANAGE)) {
        thread_status(self, PD_NO_RIGHT);
        return;
    }
    switch (operation) {
    case THREAD_START:
        start(self, thread);
        return;
    case THREAD_BIND_SCHED_CONTEXT:
        bind_context(self, thread);
        return;
    case THREAD_ABANDON:
        if (thread->service)
            thread_status(self, PD_BUSY);
        else if (!thread_in_call(thread) || thread->asking)
            thread_status(self, PD_BAD_STAGE);
        else
            thread_status(self, call_leave(thread, PD_ABANDONED) ? PD_OK : PD_AGAIN);
        return;
    case THREAD_STOP:
        if (thread->service) {
            thread_status(self, PD_BUSY);
            return;
        }
        thread_status(self, PD_OK);
        object_destroy(&thread->object);
        return;
    default:
        thread_status(self, PD_BAD_OPERATION);
    }
}
