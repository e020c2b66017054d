/* SPDX-License-Identifier: MIT */
/*
 * What the alarms and the heap came to, found out once more.
 *
 * Rule: nothing of what is confirmed is called, and nothing is computed in the way in which it was: what was added is
 * subtracted, who went up goes down, and where there was a shortcut every one is looked at. So neither a faulty value nor a
 * faulty instruction on the one side goes unseen by the other. Pure functions; who asks ends the incarnation.
 */
#ifndef SERVERS_TIMER_CONFIRM_H
#define SERVERS_TIMER_CONFIRM_H

#include "heap.h"
#include "servers/common/server.h"

/* Whether, of the alarms in `mask`, `index` is the one that is due first, at `due_ns`; ALARM_NEVER: none of them is set. */
bool confirm_first(const struct timer_ssr *ssr, uint64_t mask, uint32_t index, uint64_t due_ns);

/* When that is. */
uint64_t confirm_due(const struct timer_ssr *ssr, uint64_t mask);

/* Whether `after` is `before` with `count` expirations of alarm `index` taken, all that there were up to `now_ns`. */
bool confirm_taken(const struct timer_ssr *before, const struct timer_ssr *after, uint32_t index, uint64_t count,
                   uint64_t now_ns);

/* Whether `request`, served at `now_ns`, may make `after` of `before`, and have these reply words; the first is the result. */
bool confirm_call(const struct timer_ssr *before, const struct timer_ssr *after, const struct request *request,
                  uint64_t now_ns);

/*
 * Whether the heap holds what was put in and not taken out, each after its parent. Then *first_ns becomes the time at which
 * the first is due, ALARM_NEVER if there is none.
 */
bool confirm_heap(const struct heap *heap, uint64_t *first_ns);

/* Whether `binding` is in the heap once, at `due_ns`; HEAP_NOT_IN: whether it is not in. */
bool confirm_waits(const struct heap *heap, uint32_t binding, uint64_t due_ns);

#endif
