/* SPDX-License-Identifier: MIT */
/* Threads. Rule: a thread that does not run is its saved registers and its state; nothing of it is on a kernel
 * stack. A result is written into the saved registers, and the thread finds it when it runs again.
 *
 * A thread that runs a service's transactions is that service's worker: it has no time of its own for calls, but
 * runs on the caller's scheduling context.
 */
#pragma once
#include "kernel/object.h"
#include "kernel/sched.h"
#include "kernel/x86_64/mmu.h"

enum thread_state {
    THREAD_STOPPED,  /* not started, or its incarnation has ended */
    THREAD_RUNNABLE, /* runs whenever a scheduling context that leads to it is chosen */
    THREAD_CALLING,  /* its call is being served */
    THREAD_QUEUED,   /* its call waits for a busy or recovering service */
    THREAD_DEFERRED, /* its call was deferred by the service */
    THREAD_WAITING,  /* for a notification or a deadline */
    THREAD_IDLE,     /* a worker that waits for a delivery */
};

/* The layout of the registers is known to x86_64/entry.S. */
struct thread {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags, rsp;
    struct domain *domain;
    uint64_t resume_all; /* was interrupted, not in a system call: rcx and r11 count too */

    uint64_t root;           /* its domain's, for the fast path */
    struct service *service; /* whose worker it is */
    struct sched_context *context; /* its own, of which it holds a reference; a worker's is its caller's */
    uint32_t state;
    uint32_t message_index;
    struct portal *portal;   /* of the call it is in (CALLING, QUEUED, DEFERRED) */
    void *message;           /* the message page, as the kernel sees it */
    uint64_t *message_entry; /* the page-table entry by which its domain sees it */
    void *fpu;               /* saved FPU and SSE registers, 512 bytes, or NULL while it has used none */
    struct thread *queue_next;
    struct page_request *asking; /* the call that it is in is for a page that it touched: pager.h */
    bool page_lost;          /* that was not filled: its next fault ends it */
    uint32_t reclaim_steps;  /* its call waits for quota to be given back: so many pieces, or 1: its last try */
    uint32_t call_kills;     /* incarnations that died of its present call since that last committed anything */
    uint32_t call_parts;     /* transactions of it that ended with REPLY_AGAIN, since it last failed */
    bool call_partial;       /* some of it has been committed */
    uint64_t call_deadline;  /* its call, present or next, ends then; in ticks, 0: none */
    uint64_t deadline_ticks; /* it is in the wheel for then, 0: it is not */
    struct thread *deadline_next, **deadline_link;
    uint64_t wait_mask;
    struct notification *waiting_for;
    struct thread *domain_next;
    struct object object;
};

_Static_assert(offsetof(struct thread, rip) == 120, "entry.S knows it");
_Static_assert(offsetof(struct thread, domain) == 144, "entry.S knows it");
_Static_assert(offsetof(struct thread, resume_all) == 152, "entry.S knows it");

static inline struct thread *thread_of(struct object *object)
{
    return container_of(object, struct thread, object);
}

/* What is noted of a call's earlier tries is zero in a call that has had none: the fast path does not look. */
static inline bool call_tried_before(const struct thread *caller)
{
    return caller->call_kills || caller->call_parts || caller->call_partial;
}

static inline void call_forget_tries(struct thread *caller)
{
    caller->call_kills = caller->call_parts = 0;
    caller->call_partial = false;
}

/* A call of its waits, is served, or is deferred. */
static inline bool thread_in_call(const struct thread *thread)
{
    return thread->state == THREAD_CALLING || thread->state == THREAD_QUEUED || thread->state == THREAD_DEFERRED;
}

static inline void thread_status(struct thread *self, int64_t status)
{
    self->rax = (uint64_t)status;
}

static inline void thread_result(struct thread *self, int64_t status, uint64_t word0, uint64_t word1, uint64_t word2)
{
    self->rax = (uint64_t)status;
    self->rdi = word0;
    self->rsi = word1;
    self->rdx = word2;
}

/* Copy `bytes` bytes of a message, and nothing of what the sender has behind them. */
static inline void message_copy(struct thread *to, const struct thread *from, uint64_t bytes)
{
    uint64_t *last = (uint64_t *)to->message + bytes / 8;
    uint64_t difference = bytes % 8 ? *last ^ ((const uint64_t *)from->message)[bytes / 8] : 0;

    words_copy(to->message, from->message, bytes / 8);
    if (difference)
        *last ^= difference & ((1ull << bytes % 8 * 8) - 1);
}

/* The status of the running call, which is made again as long as it is PD_AGAIN. */
void thread_stepwise(struct thread *self, int64_t status);

/* The running system call will be made again when the thread runs next: for work done in bounded steps. */
void thread_repeat_call(struct thread *self);

/* A stopped thread of `domain`, charged to it. NULL: no memory, or too many threads. */
struct thread *thread_create(struct domain *domain);

/* While a call of `thread` has a message, its siblings cannot write its message page. */
void message_freeze(struct thread *thread);
static inline void message_thaw(struct thread *thread)
{
    *thread->message_entry |= PTE_WRITABLE;
}

/* Registers for a start at `entry`. */
void thread_prepare(struct thread *thread, uint64_t entry, uint64_t stack, uint64_t argument);

/* It may run again, on its own scheduling context. */
void thread_wake(struct thread *thread);

/* It cannot run any more: leave every queue, drop its call. */
void thread_end(struct thread *thread);

/* Wait until `deadline_ns` since boot (0: for ever); thread_deadlines wakes it with PD_TIMEOUT. */
void thread_wait(struct thread *thread, uint64_t deadline_ns);
void thread_cancel_deadline(struct thread *thread);
/* At each tick: whose time has come? */
void thread_deadlines(uint64_t now_ticks);

struct capability;
void thread_invoke(struct thread *self, struct capability *capability, uint64_t operation);

/* Called with the number of a measurement's mark; empty, for observers outside the machine to hook. */
void bench_mark_hook(uint64_t mark);
