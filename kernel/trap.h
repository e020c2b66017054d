/* SPDX-License-Identifier: MIT */
/* What x86_64/entry.S calls for exceptions and interrupts; each returns the thread to run, NULL for none. */
#pragma once
#include "kernel/thread.h"

/* A trap out of user mode; its registers are saved in `thread`. */
struct thread *trap_dispatch(struct thread *thread, uint64_t vector, uint64_t error);

/* A trap out of the kernel: only interrupts, and only while it idles. */
struct thread *kernel_trap_dispatch(uint64_t vector, uint64_t error, uint64_t instruction);

/* One bounded piece of what is done when nobody can run; true: there is more. */
bool kernel_idle(void);
