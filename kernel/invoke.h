/* SPDX-License-Identifier: MIT */
/* Invocation of kernel objects other than portals. */
#pragma once
#include "kernel/thread.h"

/* Run `operation` (not IDENTIFY: the fast path does that) of the object that `capability` names for the running thread; returns who runs next. */
struct thread *invoke_object(struct thread *self, struct capability *capability, uint64_t operation);

/* Who runs when the kernel is left: the current thread if it can and nothing has changed, else whom the scheduler
 * chooses. */
struct thread *kernel_leave(void);

/* Called by x86_64/entry.S for both system calls. */
struct thread *syscall_dispatch(struct thread *self);

/* Let the FPU be used, or trap its next use: whichever is not so now. */
__attribute__((cold)) void sched_fpu_toggle(void);
