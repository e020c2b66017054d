/* SPDX-License-Identifier: MIT */
/*
 * What the calls of sched did and answered, found out once more.
 *
 * Rule: nothing of what is confirmed is called, and nothing is looked for in the way in which it was. Pure functions; who asks
 * ends the incarnation.
 */
#ifndef SERVERS_SCHED_CONFIRM_H
#define SERVERS_SCHED_CONFIRM_H

#include "servers/common/server.h"
#include "state.h"

/* Whether the runners of `binding` are the entries that are in use, each once and as its entry says. */
bool confirm_runners(const struct table *table, uint32_t binding, const struct sched_ssr *ssr);

/*
 * Whether `request` may make `after` of `before` and have these reply words; the first is the result. What follows from other
 * clients and from the kernel (whether there is room, policies, audits) is not known here. `before` may be `after` itself where
 * nothing is changed.
 */
bool confirm_call(const struct sched_ssr *before, const struct sched_ssr *after, const struct request *request);

#endif
