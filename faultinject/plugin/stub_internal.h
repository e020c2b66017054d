/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the slow engine (stub.h) have of each other. */
#ifndef FAULTINJECT_STUB_INTERNAL_H
#define FAULTINJECT_STUB_INTERNAL_H

#include <stdint.h>

#define STUB_NEVER INT64_MAX

/* Ends the process with a message. */
_Noreturn void stub_fail(const char *what);

/* QEMU's functions of guest memory, filled in. */
void stub_memory_take_over(void);

/* QEMU's functions of timers, filled in. */
void stub_timers_take_over(void);
/* When the first of them is due; STUB_NEVER: none is set. */
int64_t stub_timers_due(void);
/* Calls those that are due at this time; they are not set any more. */
void stub_timers_expire(int64_t due_ns);

#endif
