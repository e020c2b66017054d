/* SPDX-License-Identifier: MIT */
/*
 * What to do with a failed service: a pure function of its fault records.
 *
 * Rule: everything known to the decision is in the records that the kernel keeps, so that a monitor that has
 * itself been restarted decides the same. No clock, no memory, no call.
 *
 * Two faults are *the same* when cause, vector, code (of a panic or a failed check) and instruction agree;
 * of hangs and missed heartbeats the cause alone, for they are stopped at any place. A kill from outside is never
 * evidence: it says nothing about the service or about the request that it interrupted.
 *
 *  rule  the newest fault happened              and                                       decision
 *  ----  -------------------------------------  ----------------------------------------  ------------------
 *  K     by a kill from outside                 -                                         RESTART
 *  P1    serving a call or an unbind of X       the last 3 faults of this very request    POISON X
 *                                               are the same
 *  P2    serving a call or an unbind of X       this very request has met 256 faults,     POISON X
 *                                               whatever they were
 *  S1    in recovery, with X's SSR open         the same fault with X open was seen       RESTART_WITHOUT_SSR
 *                                               before in this recovery                   X
 *  S2    in an event, with X's SSR open         3 same faults in succession with X open   RESTART_WITHOUT_SSR
 *                                                                                         X
 *  G1    in recovery or in the first start      8 faults since it was last ready, none    GIVE_UP
 *                                               of which S1 turned into progress
 *  G2    in an event, with no SSR open          16 same faults in succession, all within  GIVE_UP
 *                                               2 seconds
 *  -     otherwise                              -                                         RESTART
 *
 * "This recovery" is the unbroken run of newest records whose stage is that of a start (kills left out).
 * "In succession" leaves out kills and nothing else.
 *
 * Why 3 and 256: a random fault strikes the same instruction of the same request twice in succession with a
 * chance of one in its length (tens of thousands), so three the same is a property of the request;
 * differing faults are mostly the weather: under kills that come on average every n instructions a request
 * of 3 n instructions survives one try in twenty, so 256 are allowed before the client is sacrificed so
 * that all others get on (26 ms at 100 us each).
 */
#ifndef RECOVERY_POLICY_H
#define RECOVERY_POLICY_H

#include <stdint.h>

#include "abi/kernel.h"

#define POLICY_SAME_REQUEST_FAULTS 3
#define POLICY_ANY_REQUEST_FAULTS  256
#define POLICY_SAME_EVENT_FAULTS   3
#define POLICY_RECOVERY_FAULTS     8
#define POLICY_EVENT_FAULTS        16
#define POLICY_EVENT_WINDOW_S      2

/* Records that are looked at: all that the kernel keeps. */
#define POLICY_HISTORY_RECORDS FAULT_RECORDS

_Static_assert(POLICY_HISTORY_RECORDS >= POLICY_EVENT_FAULTS, "rule G2 can be seen");
_Static_assert(POLICY_HISTORY_RECORDS >= POLICY_RECOVERY_FAULTS, "rule G1 can be seen");

struct fault_history {
    uint32_t count;                                      /* records below, 1..POLICY_HISTORY_RECORDS */
    uint64_t ticks_per_s;                                /* of fault_record.time */
    struct fault_record records[POLICY_HISTORY_RECORDS]; /* the newest first */
};

enum policy_action {
    POLICY_RESTART,             /* parked calls run again */
    POLICY_RESTART_WITHOUT_SSR, /* quarantine the SSR of `binding`, then restart */
    POLICY_POISON,              /* answer the request of `binding` with PD_POISON, then restart */
    POLICY_GIVE_UP,             /* mark the service down */
};

struct policy_decision {
    enum policy_action action;
    uint32_t binding; /* whom POISON and RESTART_WITHOUT_SSR are about, else 0 */
    const char *rule; /* the line of the table above, for the log */
};

/*
 * Decide about the failure that records[0] tells of. Any content is acceptable; an empty history is a
 * RESTART.
 */
struct policy_decision policy_decide(const struct fault_history *history);

#endif
