/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a stretch of a service's execution begins and ends: by a delivery, by the result of an invocation, by a reply.
 * To be called at exact stops, in the order of execution.
 */
#ifndef FAULTINJECT_STRETCH_H
#define FAULTINJECT_STRETCH_H

#include "observe.h"

/* The kernel's entry for system calls; without it nothing is told of beginnings and ends. */
void stretch_observe_system_calls(uint64_t entry_address);

/* The processor is about to execute the first instruction of `service`, in user mode. */
struct timeline_stretch stretch_begin(int service);

/* The processor has left it; it is about to execute the first instruction of something else. */
void stretch_end(struct timeline_stretch *stretch);

#endif
