/* SPDX-License-Identifier: MIT */
/*
 * The policies: who of a class is to run first.
 *
 *     what is attached, what the kernel says of it -> policy -> priority, budget and period of each
 *
 * FIXED     priority by level; the kernel lets equals take turns.
 * SHARE     stride scheduling (Waldspurger and Weihl, MIT/LCS/TM-528, 1995). A runner's pass is the time that it has
 *           consumed, by the ticket; whoever is ready with the lowest pass is chosen for a quantum. What is consumed
 *           is what the kernel has counted, to the instruction, so an uneven quantum evens out by itself. Who
 *           wakes up begins at the pass of the class: time that it did not ask for is gone.
 * DEADLINE  earliest deadline first (Liu and Layland, JACM 20(1), 1973); the deadline is the end of the period.
 *
 * Rule: pure functions of the table; nothing here calls the kernel. Whoever is not chosen keeps a priority at which it
 * runs when nobody else wants to, and whoever is chosen is so for a quantum, so that no choice, however old, starves anybody
 * of its class; and above programs that attach nothing there are reservations alone.
 */
#ifndef SERVERS_SCHED_POLICY_H
#define SERVERS_SCHED_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/sched.h"

/* What the kernel is told of a scheduling context (SCHED_CONTEXT_SET). */
struct settings {
    uint32_t priority, background;
    uint32_t budget_us, period_us;
};

/* One scheduling context that is attached. */
struct runner {
    uint32_t binding;
    uint32_t entry;           /* of the binding */
    uint32_t class, level, tickets;
    uint32_t budget_us, period_us; /* of its reservation */
    uint64_t pass, base_ns;   /* its pass when it had consumed base_ns */
    /* as the kernel says */
    bool gone;                /* the capability has been revoked, or its object is dead */
    bool ready;
    uint64_t consumed_ns;
    uint64_t remaining_ns;    /* of its reservation in this period, which ends then: */
    uint64_t next_ns;
    /* as decided */
    struct settings wanted;
    bool renew;               /* set it even if it is set so already: a new quantum begins */
    bool rebased;             /* pass and base_ns are not yet in its client's SSR */
    /* as the kernel was told last; unknown in a new incarnation */
    struct settings applied;
    bool known;
};

struct table {
    uint32_t count;
    struct runner runners[SCHED_RUNNERS];
};

/* The pass of a runner now. */
uint64_t runner_pass(const struct runner *runner);

/* Its pass is counted anew from here. */
void runner_rebase(struct runner *runner, uint64_t pass);

/* The priority of level 0 of a class. */
uint32_t class_priority(uint32_t class);

/*
 * Decide on one class by `policy`: `wanted` of all its runners. *pass is the class's. `yielding` (NULL: nobody) is chosen only
 * if nobody else can be.
 */
void policy_decide(struct table *table, uint32_t class, uint64_t policy, uint64_t *pass, const struct runner *yielding);

/* When the class must be decided on again, after `now_ns`; UINT64_MAX: not before something changes. */
uint64_t policy_deadline(const struct table *table, uint32_t class, uint64_t policy, uint64_t now_ns);

/* Of the processor, what all reservations take, rounded up; without that of `except` (NULL: with all). */
uint32_t policy_reserved_per_mille(const struct table *table, const struct runner *except);
/* The same of one reservation. */
uint32_t reservation_per_mille(uint32_t budget_us, uint32_t period_us);

#endif
