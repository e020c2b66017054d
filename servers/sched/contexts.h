/* SPDX-License-Identifier: MIT */
/*
 * The scheduling contexts that are attached, as the kernel has them.
 *
 * Rule: whatever the kernel answers, nothing here fails: a context that is gone is noted so and runs nobody any more. What
 * is told twice has the same effect as once, so that a transaction that is taken back may tell it again.
 */
#ifndef SERVERS_SCHED_CONTEXTS_H
#define SERVERS_SCHED_CONTEXTS_H

#include "policy.h"

/* Bits of the one event there is. */
#define EVENT_DECIDE 1

/* Something has changed: decide again, in the event that follows this transaction. */
void contexts_touch(void);

/* Look at all runners, decide on every class, tell the kernel, and ask for the event at which to do so again. */
void contexts_schedule(void);

/* The same of one class in the midst of a call: `yielding` lets others of its class go first. */
void contexts_yield(struct runner *yielding);

/* What a context that has just arrived has consumed, and its priority. False: it is no scheduling context that can be set. */
bool contexts_arrived(uint32_t slot, uint64_t *consumed_ns, uint32_t *priority);

/* Give a context back, with `priority` and no budget. */
void contexts_release(const struct runner *runner, uint32_t priority);

/* Whether the kernel has it as it was told. */
bool contexts_agree(const struct runner *runner);

#endif
