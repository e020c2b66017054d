/* SPDX-License-Identifier: MIT */
/* Invocation of kernel objects: what every type shares, and the way to its own operations. */
#include "kernel/invoke.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/notification.h"
#include "kernel/service.h"

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

struct thread *invoke_object(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct cpu *cpu = cpu_local();

    if (unlikely(capability->type == OBJECT_NONE)) {
        thread_status(self, PD_BAD_CAPABILITY);
        return self;
    }
    if (unlikely(capability->object->dead) && capability->type != OBJECT_DOMAIN) {
        thread_status(self, PD_DEAD);
        return self;
    }
    object_hold(&self->object); /* it may delete the last name of itself */
    functions[capability->type](self, capability, operation);
    object_release(&self->object);
    if (likely(cpu->current == self && !cpu->reschedule && self->state == THREAD_RUNNABLE &&
               cpu->root == self->domain->root))
        return self;
    return kernel_leave();
}
