/* SPDX-License-Identifier: MIT */
/* Scheduling: see sched.h. */
#include "kernel/sched.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/invoke.h"
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/mmu.h"

#define FPU_MXCSR_OFFSET 24
#define FPU_CONTROL_DEFAULT 0x037f /* all exceptions masked, 64 bits of mantissa: Intel SDM vol. 1, 8.1.5 */
#define FPU_MXCSR_DEFAULT 0x1f80u  /* all exceptions masked: 11.6.4 */
#define CALL_CHAIN_LIMIT 16 /* the graph of services is acyclic and no deeper than this */
#define PERIOD_US_MAXIMUM 3600000000u

static struct sched_context *exhausted; /* budgets used up, waiting for their next period */

struct sched_context *sched_context_create(struct domain *payer)
{
    return object_create(payer, OBJECT_SCHED_CONTEXT, sizeof(struct sched_context));
}

static void forget_exhausted(struct sched_context *context)
{
    struct sched_context **link = &exhausted;

    while (*link && *link != context)
        link = &(*link)->exhausted_next;
    if (*link)
        *link = context->exhausted_next;
}

/* No thread runs on it: they hold references. */
void sched_context_end(struct sched_context *context)
{
    sched_dequeue(context);
    forget_exhausted(context);
    if (cpu_local()->context == context) {
        cpu_local()->context = NULL;
        cpu_local()->reschedule = 1;
    }
}

void sched_enqueue(struct sched_context *context)
{
    struct cpu *cpu = cpu_local();
    struct sched_context **head = &cpu->ready[context->priority];

    if (context->queued || (context->exhausted && !context->background))
        return;
    context->queued = 1;
    if (*head) {
        context->next = *head;
        context->previous = (*head)->previous;
        context->previous->next = context;
        (*head)->previous = context;
    } else {
        context->next = context->previous = context;
        *head = context;
        cpu->ready_mask |= 1u << context->priority;
    }
    if (!cpu->context || context->priority > cpu->context->priority || !cpu->context->queued)
        cpu->reschedule = 1;
}

void sched_dequeue(struct sched_context *context)
{
    struct cpu *cpu = cpu_local();
    struct sched_context **head = &cpu->ready[context->priority];

    if (!context->queued)
        return;
    context->queued = 0;
    if (context->next == context) {
        *head = NULL;
        cpu->ready_mask &= ~(1u << context->priority);
    } else {
        context->next->previous = context->previous;
        context->previous->next = context->next;
        if (*head == context)
            *head = context->next;
    }
}

/* At this priority from now on, behind the others that have it. */
static void move_to(struct sched_context *context, uint8_t priority)
{
    bool queued = context->queued;

    sched_dequeue(context);
    context->priority = priority;
    if (queued)
        sched_enqueue(context);
    cpu_local()->reschedule = 1;
}

static void set_budget(struct sched_context *context, uint64_t budget_ticks, uint64_t period_ticks)
{
    forget_exhausted(context);
    context->exhausted = 0;
    context->budget_ticks = budget_ticks;
    context->period_ticks = period_ticks;
    context->remaining_ticks = (int64_t)budget_ticks;
    context->replenish_ticks = cpu_timestamp() + period_ticks;
}

void sched_context_set_priority(struct sched_context *context, uint8_t priority)
{
    set_budget(context, 0, 0);
    context->own_priority = priority;
    context->background = 0;
    move_to(context, priority);
}

/* Begin the period that `now` is in: the budget is there again, but for what was used too much. */
static void replenish(struct sched_context *context, uint64_t now)
{
    uint64_t periods = (now - context->replenish_ticks) / context->period_ticks + 1;
    int64_t debt_ticks = context->remaining_ticks < 0 ? context->remaining_ticks : 0;
    int64_t budget_ticks = (int64_t)context->budget_ticks;

    context->replenish_ticks += periods * context->period_ticks;
    context->remaining_ticks = debt_ticks + (int64_t)periods * budget_ticks;
    if (context->remaining_ticks > budget_ticks)
        context->remaining_ticks = budget_ticks;
}

static void spend(struct sched_context *context, uint64_t ticks, uint64_t now)
{
    context->consumed_ticks += ticks;
    if (!context->budget_ticks || context->exhausted)
        return;
    if (now >= context->replenish_ticks)
        replenish(context, now);
    context->remaining_ticks -= (int64_t)ticks;
    if (context->remaining_ticks > 0)
        return;
    context->exhausted = 1;
    context->exhausted_next = exhausted;
    exhausted = context;
    if (context->background)
        move_to(context, context->background);
    else
        sched_dequeue(context);
    cpu_local()->reschedule = 1;
}

/* What has passed since this was done last is paid for by the CPU's context. */
static void charge(struct cpu *cpu, uint64_t now)
{
    uint64_t ticks = now - cpu->accounted_ticks;

    cpu->accounted_ticks = now;
    if (cpu->context)
        spend(cpu->context, ticks, now);
}

void sched_charge(void)
{
    charge(cpu_local(), cpu_timestamp());
}

static void replenish_all(uint64_t now)
{
    struct sched_context **link = &exhausted;

    while (*link) {
        struct sched_context *context = *link;

        if (context->replenish_ticks <= now)
            replenish(context, now);
        if (context->remaining_ticks <= 0) {
            link = &context->exhausted_next;
            continue;
        }
        *link = context->exhausted_next;
        context->exhausted = 0;
        move_to(context, context->own_priority);
        sched_enqueue(context);
    }
}

/* Who has to run so that `thread` gets on: itself, or at the end of the chain of calls it waits for. */
static struct thread *chain_end(struct thread *thread)
{
    for (unsigned depth = 0; thread && depth < CALL_CHAIN_LIMIT; depth++) {
        if (thread->state == THREAD_RUNNABLE)
            return thread;
        if (thread->state != THREAD_CALLING && thread->state != THREAD_QUEUED)
            return NULL;
        thread = thread->portal->service->worker;
    }
    return NULL;
}

struct thread *schedule(void)
{
    struct cpu *cpu = cpu_local();

    charge(cpu, cpu_timestamp());
    cpu->reschedule = 0;
    while (cpu->ready_mask) {
        unsigned priority = 31u - (unsigned)__builtin_clz(cpu->ready_mask);
        struct sched_context *context = cpu->ready[priority];
        struct thread *thread = chain_end(context->thread);

        if (!thread) {
            sched_dequeue(context); /* thread_wake or service_next queues it again */
            continue;
        }
        if (thread->context != context && thread->service)
            thread->service->attention |= ATTENTION_HELPED;
        cpu->context = context;
        return thread;
    }
    cpu->context = NULL;
    return NULL;
}

void sched_fpu_toggle(void)
{
    struct cpu *cpu = cpu_local();

    cpu->fpu_enabled ^= 1;
    if (cpu->fpu_enabled)
        __asm__ volatile("clts");
    else
        cpu_write_cr0(cpu_read_cr0() | CR0_TS);
}

/* An image as FXSAVE makes it (Intel SDM vol. 1, 10.5.1) of registers that are all zero: not those of FNINIT,
 * which leaves what another thread had in them. */
static void *fpu_fresh(struct domain *payer)
{
    char *image = kernel_allocate(payer, FPU_BYTES);

    if (image) {
        *(uint16_t *)(void *)image = FPU_CONTROL_DEFAULT;
        *(uint32_t *)(void *)(image + FPU_MXCSR_OFFSET) = FPU_MXCSR_DEFAULT;
    }
    return image;
}

bool sched_fpu_acquire(struct thread *thread)
{
    struct cpu *cpu = cpu_local();

    if (!thread->fpu)
        thread->fpu = fpu_fresh(thread->domain);
    if (!thread->fpu)
        return false;
    if (!cpu->fpu_enabled)
        sched_fpu_toggle();
    if (cpu->fpu_owner && cpu->fpu_owner != thread)
        __asm__ volatile("fxsaveq (%0)" : : "r"(cpu->fpu_owner->fpu) : "memory");
    __asm__ volatile("fxrstorq (%0)" : : "r"(thread->fpu) : "memory");
    cpu->fpu_owner = thread;
    return true;
}

void sched_fpu_drop(struct thread *thread)
{
    struct cpu *cpu = cpu_local();

    if (cpu->fpu_owner != thread)
        return;
    cpu->fpu_owner = NULL;
    if (cpu->fpu_enabled)
        sched_fpu_toggle();
}

struct thread *switch_to(struct thread *next)
{
    struct cpu *cpu = cpu_local();

    cpu->current = next;
    if (!next)
        return NULL;
    if (cpu->root != next->domain->root) {
        cpu->root = next->domain->root;
        cpu_write_cr3(cpu->root);
    }
    if (cpu->fpu_enabled != (next == cpu->fpu_owner))
        sched_fpu_toggle();
    return next;
}

struct thread *kernel_leave(void)
{
    struct cpu *cpu = cpu_local();
    struct thread *current = cpu->current;

    if (current && !cpu->reschedule && current->state == THREAD_RUNNABLE)
        return switch_to(current);
    return switch_to(schedule());
}

/* Round robin: after its slice a context goes behind the others of its priority. */
static void take_turns(struct sched_context *context)
{
    if (++context->slice_ticks < SLICE_TICKS || !context->queued)
        return;
    context->slice_ticks = 0;
    move_to(context, context->priority);
}

static void check_hang(struct thread *current)
{
    struct service *service = current->service;

    if (!service)
        return;
    service->seen_ticks++;
    if (++service->used_ticks <= service->hang_limit_ticks)
        return;
    service_fail(service, &(struct failure){.cause = CAUSE_HANG, .instruction = current->rip});
}

void sched_tick(void)
{
    struct cpu *cpu = cpu_local();
    uint64_t now = cpu_timestamp();

    charge(cpu, now);
    if (cpu->context)
        take_turns(cpu->context);
    if (cpu->current)
        check_hang(cpu->current);
    replenish_all(now);
    thread_deadlines(now);
    service_alarms(now);
    supervise_monitor(now);
    reap_step();
}

static int64_t set(struct thread *self, struct sched_context *context)
{
    uint64_t priority = self->rdi, budget_us = self->rsi, period_us = self->rdx, background = self->r10;
    uint64_t budget_ticks = clock_ns_to_ticks(budget_us * 1000);

    if (priority > PRIORITY_MAXIMUM || background > priority || budget_us > period_us ||
        period_us > PERIOD_US_MAXIMUM)
        return PD_BAD_ARGUMENT;
    if (priority > self->domain->priority_limit)
        return PD_NO_RIGHT;
    sched_context_set_priority(context, (uint8_t)priority);
    context->background = (uint8_t)background;
    set_budget(context, budget_ticks, clock_ns_to_ticks(period_us * 1000));
    if (context->thread)
        sched_enqueue(context);
    return PD_OK;
}

static int64_t set_priority(struct thread *self, struct sched_context *context)
{
    uint64_t priority = self->rdi, background = self->rsi;

    if (priority > PRIORITY_MAXIMUM || background > priority)
        return PD_BAD_ARGUMENT;
    if (priority > self->domain->priority_limit)
        return PD_NO_RIGHT;
    context->own_priority = (uint8_t)priority;
    context->background = (uint8_t)background;
    if (context->exhausted && !background)
        sched_dequeue(context);
    move_to(context, context->exhausted && background ? (uint8_t)background : (uint8_t)priority);
    if (context->thread)
        sched_enqueue(context);
    return PD_OK;
}

static void tell_budget(struct thread *self, struct sched_context *context)
{
    sched_charge();
    if (!context->budget_ticks) {
        thread_result(self, PD_OK, 0, 0, 0);
        self->r10 = 0;
        return;
    }
    if (!context->exhausted && cpu_timestamp() >= context->replenish_ticks)
        replenish(context, cpu_timestamp());
    thread_result(self, PD_OK, context->remaining_ticks > 0 ? clock_ticks_to_ns((uint64_t)context->remaining_ticks) : 0,
                  clock_ticks_to_ns(context->replenish_ticks), clock_ticks_to_ns(context->budget_ticks));
    self->r10 = clock_ticks_to_ns(context->period_ticks);
}

void sched_context_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct sched_context *context = (struct sched_context *)capability->object;

    switch (operation) {
    case SCHED_CONTEXT_SET:
        thread_status(self, capability->rights & RIGHT_MANAGE ? set(self, context) : PD_NO_RIGHT);
        return;
    case SCHED_CONTEXT_SET_PRIORITY:
        thread_status(self, capability->rights & RIGHT_MANAGE ? set_priority(self, context) : PD_NO_RIGHT);
        return;
    case SCHED_CONTEXT_BUDGET:
        if (capability->rights & RIGHT_USE)
            tell_budget(self, context);
        else
            thread_status(self, PD_NO_RIGHT);
        return;
    case SCHED_CONTEXT_INFO:
        if (!(capability->rights & RIGHT_USE)) {
            thread_status(self, PD_NO_RIGHT);
            return;
        }
        sched_charge();
        thread_result(self, PD_OK, clock_ticks_to_ns(context->consumed_ticks), context->priority,
                      context->queued && chain_end(context->thread));
        return;
    default:
        thread_status(self, PD_BAD_OPERATION);
    }
}
