/* SPDX-License-Identifier: MIT */
/* Invocation of kernel objects: what every type shares, and the way to its own operations. */
#include "kernel/invoke.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/notification.h"
#include "kernel/service.h"

#define RECLAIM_STEPS_MAXIMUM 4096u

typedef void invoke_function(struct thread *self, struct capability *capability, uint64_t operation);

static invoke_function *const functions[OBJECT_TYPES] = {
    [OBJECT_DOMAIN] = domain_invoke,
    [OBJECT_THREAD] = thread_invoke,
    [OBJECT_SCHED_CONTEXT] = sched_context_invoke,
    [OBJECT_NOTIFICATION] = notification_invoke,
    [OBJECT_MEMORY] = memory_invoke,
    [OBJECT_SSR] = ssr_invoke,
    [OBJECT_SERVICE] = service_invoke,
    [OBJECT_IRQ] = irq_invoke,
    [OBJECT_IOPORT] = ioport_invoke,
};

/* A call found no quota: what ended, but is not yet given back, may be enough. It is given back piece by piece, each in
 * an invocation of its own, and then the call has its second and last try. True: another piece was given back. */
static bool reclaim(struct thread *self)
{
    self->reclaim_steps = reap_step() ? self->reclaim_steps - 1 : 1;
    return self->reclaim_steps > 1;
}

struct thread *invoke_object(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct cpu *cpu = cpu_local();
    uint64_t selector = self->rax, instruction = self->rip;

    if (unlikely(capability->type == OBJECT_NONE)) {
        thread_status(self, PD_BAD_CAPABILITY);
        return self;
    }
    if (unlikely(capability->object->dead) && capability->type != OBJECT_DOMAIN) {
        thread_status(self, PD_DEAD);
        return self;
    }
    if (unlikely(self->reclaim_steps > 1) && reclaim(self)) {
        thread_repeat_call(self);
        return kernel_leave();
    }
    object_hold(&self->object); /* it may delete the last name of itself */
    functions[capability->type](self, capability, operation);
    if (unlikely((int64_t)self->rax == PD_NO_QUOTA) && !self->reclaim_steps) {
        self->reclaim_steps = RECLAIM_STEPS_MAXIMUM;
        self->rax = selector;
        thread_repeat_call(self);
    } else if (self->rip == instruction) { /* the call has ended; it is not one of its steps */
        self->reclaim_steps = 0;
    }
    object_release(&self->object);
    if (likely(cpu->current == self && !cpu->reschedule && self->state == THREAD_RUNNABLE &&
               cpu->root == self->domain->root))
        return self;
    return kernel_leave();
}
