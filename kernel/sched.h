/* SPDX-License-Identifier: MIT */
/* Scheduling: who runs, and on whose time.
 *
 * The rule. What is queued is a scheduling context, not a thread. Its `thread` is the end of the chain of calls
 * that it pays for: a call hands the context to the callee, a reply hands it back, and neither touches a queue.
 * The highest non-empty priority runs, round robin within it. A context whose thread waits for a busy service
 * stays queued and, when chosen, runs whoever holds that service up (priority inheritance along the chain).
 *
 * Time is charged to the context that pays, whenever another one begins to pay and at each tick, to the tick of the
 * counter. A context that has used up the budget of its period runs on at its background priority, or not at all, until
 * the next period; what it used too much, since the end of a budget is seen at ticks only, is taken off that one.
 */
#pragma once
#include "kernel/object.h"

#define PRIORITIES (PRIORITY_MAXIMUM + 1)
#define TICK_NS 1000000u
#define SLICE_TICKS 10u
#define FPU_BYTES 512u /* of FXSAVE */

struct thread;

struct sched_context {
    struct object object;
    struct thread *thread;
    struct sched_context *next, *previous; /* in the ring of its priority, while queued */
    uint8_t priority;                      /* at present */
    uint8_t own_priority, background;      /* with and without budget; background 0: it does not run */
    uint8_t queued;
    uint8_t exhausted;                     /* its budget is used up until replenish_ticks */
    uint32_t slice_ticks;
    uint64_t budget_ticks, period_ticks;   /* of the time-stamp counter; budget 0: unlimited */
    int64_t remaining_ticks;
    uint64_t replenish_ticks;              /* when the next period begins */
    uint64_t consumed_ticks;
    struct sched_context *exhausted_next;
};

/* What is local to the CPU, reached through %gs. The first fields are known to x86_64/entry.S. */
struct cpu {
    struct cpu *self;
    struct thread *current;
    uint64_t kernel_stack;
    uint64_t user_stack;
    struct sched_context *context; /* that pays for current */
    uint64_t root;                 /* page table in CR3 */
    struct thread *fpu_owner;      /* whose FPU registers are in the processor */
    uint32_t fpu_enabled;          /* CR0.TS is clear */
    uint32_t reschedule;
    uint64_t accounted_ticks;      /* up to when time has been charged */
    uint32_t ready_mask;           /* bit p: ready[p] is not empty */
    struct sched_context *ready[PRIORITIES];
};

static inline struct cpu *cpu_local(void)
{
    struct cpu *cpu;

    __asm__("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

struct sched_context *sched_context_create(struct domain *payer);
void sched_context_end(struct sched_context *context);
/* Its priority, without a budget. */
void sched_context_set_priority(struct sched_context *context, uint8_t priority);

void sched_enqueue(struct sched_context *context);
void sched_dequeue(struct sched_context *context);

/* The thread to run next, NULL for none; sets the CPU's context. */
struct thread *schedule(void);

/* Make `next` (NULL: idle) the CPU's current thread: address space and FPU. Returns it. */
struct thread *switch_to(struct thread *next);

/* Forget that `thread`'s FPU registers are in the processor. */
void sched_fpu_drop(struct thread *thread);

/* `thread` used the FPU (vector 7). False: no memory for its registers. */
bool sched_fpu_acquire(struct thread *thread);

/* What has passed is charged to who pays, up to now. */
void sched_charge(void);

/* The periodic tick: charge time, budgets, hangs, deadlines. */
void sched_tick(void);

struct capability;
void sched_context_invoke(struct thread *self, struct capability *capability, uint64_t operation);
