/* SPDX-License-Identifier: MIT */
/* The fast path of call and reply: register words between two address spaces, with the client's server state
 * region and the service region committed.
 *
 * Rule: one straight line. First everything is checked, without effect; any doubt goes to the slow path (call.c),
 * which does the same in full generality. Then everything is done, and nothing can fail. The caller's scheduling
 * context pays for the callee; no queue is touched and the scheduler is not asked.
 */
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/invoke.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"
#include "kernel/x86_64/cpu.h"

/* The CPU's own data, addressed through %gs without a register. */
#define CPU ((struct cpu __seg_gs *)0)

/* Leave the kernel with a thread that is in a system call. Nothing on the kernel's stack is needed any more. */
_Noreturn static inline void resume_syscall(struct thread *next)
{
    __asm__ volatile("jmp resume_syscall" : : "a"(next) : "memory");
    __builtin_unreachable();
}

/* Hand the CPU over within the same scheduling context. */
_Noreturn static inline void fast_switch(struct thread *self, struct thread *next)
{
    struct sched_context *context = self->context;
    uint64_t root = next->root;

    next->context = context;
    context->thread = next;
    CPU->current = next;
    CPU->root = root;
    cpu_write_cr3(root);
    resume_syscall(next);
}

/* Commit a region that is the only one written: seal, publish and settle in one go. False: a range check failed. */
static inline bool commit_alone(struct ssr_memory *ssr)
{
    uint32_t committed = ssr->committed, working = committed ^ 1u;
    uint32_t bytes = ssr->page_bytes, sum;
    uint64_t *written = ssr->page[working][0];

    if (ssr->layout && !ssr_page_ranges_hold(ssr->layout, written))
        return false;
    sum = checksum(written, bytes);
    ssr->sum[working][0] = sum;
    ssr->committed = working;
    ssr_copy_page(ssr->page[committed][0], written, bytes);
    ssr->sum[committed][0] = sum;
    return true;
}

/* Commit both together: neither is published before both are sealed. */
static inline bool commit_both(struct ssr_memory *ssr, struct ssr_memory *region)
{
    if (!ssr_seal_page(ssr) || !ssr_seal_page(region))
        return false;
    ssr_publish(ssr);
    ssr_publish(region);
    ssr_settle_page(ssr);
    ssr_settle_page(region);
    return true;
}

/* A region that the fast path can take: none, or one page whose working copy is as the last commit left it; *entry
 * maps that copy. */
static inline bool region_ready(const struct ssr *ssr, uint64_t *entry)
{
    uint32_t working;

    *entry = 0;
    if (!ssr)
        return true;
    working = ssr_working(&ssr->memory);
    *entry = ssr->entry[working][0];
    return likely(ssr->memory.pages == 1) &&
           likely(checksum(ssr->memory.page[working][0], ssr->memory.page_bytes) == ssr->memory.sum[working][0]);
}

/* Was its one page, mapped by `*entry`, written? */
static inline bool region_written(const struct ssr *ssr, const uint64_t *entry)
{
    return ssr && *entry & PTE_DIRTY;
}

/* Compared where it lies: one instruction less than the compiler, which loads it first, takes. */
static inline bool fpu_enabled(void)
{
    bool enabled;

    __asm__("cmpl $0, %1" : "=@ccne"(enabled) : "m"(CPU->fpu_enabled));
    return enabled;
}

static inline struct thread *call_fast(struct thread *self, struct portal *portal, uint64_t selector)
{
    struct service *service = portal->service;
    struct thread *worker = service->acceptor;
    uint32_t binding = portal->binding;
    uint64_t entry, region_entry;

    if (unlikely(!worker || self->r8 | portal->gate) || !region_ready(portal->ssr, &entry) ||
        !region_ready(service->region, &region_entry))
        return call_slow(self, portal);

    service->window[0] = entry;
    service->acceptor = NULL;
    service->attention = 0;
    service->used_ticks = 0;
    service->caller = self;
    service->portal = portal;
    service->observed->serving_binding = binding;
    self->state = THREAD_CALLING;
    self->portal = portal;
    worker->state = THREAD_RUNNABLE;
    worker->rax = selector >> INVOKE_CHECK_SHIFT;
    worker->rbx = binding;
    worker->rdi = self->rdi;
    worker->rsi = self->rsi;
    worker->rdx = self->rdx;
    worker->r10 = self->r10;
    worker->r8 = 0;
    worker->r9 = (uint16_t)(selector >> INVOKE_OPERATION_SHIFT) | (uint64_t)binding << INVOKE_OPERATION_SHIFT;
    if (unlikely(fpu_enabled())) /* the caller's; a worker has none */
        sched_fpu_toggle();
    fast_switch(self, worker);
}

/* A worker's reply of words alone that agrees with its check, and nothing else is due. */
static inline bool words_checked(const struct thread *self)
{
    return self->service && !self->service->attention &&
           self->rax == (1ull << REPLY_SYSCALL_BIT | REPLY_CHECKED) && !self->r8 && self->r9 == reply_check(self);
}

static inline struct thread *reply_fast(struct thread *self)
{
    struct service *service = self->service;
    struct thread *caller;
    struct ssr *ssr, *region;
    uint64_t *window;
    bool ssr_dirty, region_dirty;

    /* A reply flag, or reply bytes. */
    if (unlikely(!service || (service->attention | self->rax << 1 | self->r8)) && !words_checked(self))
        return reply_slow(self);
    ssr = service->portal->ssr;
    region = service->region;
    window = service->window;
    ssr_dirty = region_written(ssr, window);
    region_dirty = region_written(region, window + WINDOW_REGION_ENTRY);
    if (region_dirty) {
        if (unlikely(!(ssr_dirty ? commit_both(&ssr->memory, &region->memory) : commit_alone(&region->memory))))
            return reply_slow(self);
        window[WINDOW_REGION_ENTRY] = region->entry[ssr_working(&region->memory)][0];
    } else if (ssr_dirty && unlikely(!commit_alone(&ssr->memory))) {
        return reply_slow(self);
    }
    window[0] = 0;

    caller = service->caller;
    service->caller = NULL;
    service->acceptor = self;
    self->state = THREAD_IDLE;
    caller->state = THREAD_RUNNABLE;
    caller->rax = PD_OK;
    caller->rdi = self->rdi;
    caller->rsi = self->rsi;
    caller->rdx = self->rdx;
    caller->r10 = self->r10;
    if (CPU->fpu_owner == caller)
        sched_fpu_toggle();
    fast_switch(self, caller);
}

/* The one way in for both system calls: invoke, and reply when the top bit of rax is set. */
struct thread *syscall_dispatch(struct thread *self)
{
    uint64_t selector = self->rax;
    struct capability *capability;

    if ((int64_t)selector < 0)
        return reply_fast(self);
    capability = capability_at(&self->domain->table, selector & INVOKE_SLOT_MASK);
    if (likely(capability->type == OBJECT_PORTAL))
        return call_fast(self, (struct portal *)capability->object, selector);
    selector = (selector & UINT32_MAX) >> INVOKE_OPERATION_SHIFT;
    if (selector == OBJECT_IDENTIFY && likely(capability->type != OBJECT_NONE)) {
        thread_result(self, PD_OK, capability->type, capability->rights, capability->badge);
        resume_syscall(self);
    }
    return invoke_object(self, capability, selector);
}
