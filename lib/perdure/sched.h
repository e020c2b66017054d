/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, for its clients (abi/sched.toml says what each operation means).
 *
 * Rule: an entry is a scheduling context that has been attached. Results are 0 or more, or -PE_*. For the main thread of a
 * domain: capabilities travel with its message page.
 */
#ifndef PERDURE_SCHED_H
#define PERDURE_SCHED_H

#include "abi/sched.h"
#include "perdure/portal.h"

static inline int64_t pd_sched_call(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2)
{
    struct pd_call call = {.word = {word_0, word_1, word_2}};

    return pd_portal_call(SLOT_SCHED, operation, &call);
}

/* Put the scheduling context in `slot` (RIGHT_USE, RIGHT_MANAGE and RIGHT_GRANT) into a class, as entry 0..SCHED_ENTRIES-1. */
static inline int64_t pd_sched_attach(uint32_t entry, uint32_t slot, uint32_t class)
{
    struct pd_call call = {.word = {entry, class}};

    pd_send_capability(&call, slot, RIGHT_USE | RIGHT_MANAGE, 0, 0);
    return pd_portal_call(SLOT_SCHED, SCHED_ATTACH, &call);
}

static inline int64_t pd_sched_detach(uint32_t entry)
{
    return pd_sched_call(SCHED_DETACH, entry, 0, 0);
}

/* For SCHED_SHARE. */
static inline int64_t pd_sched_set_tickets(uint32_t entry, uint32_t tickets)
{
    return pd_sched_call(SCHED_SET_TICKETS, entry, tickets, 0);
}

/* For SCHED_FIXED. */
static inline int64_t pd_sched_set_level(uint32_t entry, uint32_t level)
{
    return pd_sched_call(SCHED_SET_LEVEL, entry, level, 0);
}

/* For SCHED_DEADLINE; 0 and 0: none. */
static inline int64_t pd_sched_set_reservation(uint32_t entry, uint32_t budget_us, uint32_t period_us)
{
    return pd_sched_call(SCHED_SET_RESERVATION, entry, budget_us, period_us);
}

/* Let the next one of the class run. */
static inline int64_t pd_sched_yield(uint32_t entry)
{
    return pd_sched_call(SCHED_YIELD, entry, 0, 0);
}

/* Change the policy of a class: the one before. `service`: a slot with sched itself, RIGHT_SUPERVISE and RIGHT_GRANT. */
static inline int64_t pd_sched_set_policy(uint32_t service, uint32_t class, uint32_t policy)
{
    struct pd_call call = {.word = {class, policy}};

    pd_send_capability(&call, service, RIGHT_SUPERVISE, 0, 0);
    return pd_portal_call(SLOT_SCHED, SCHED_SET_POLICY, &call);
}

#endif
