/* SPDX-License-Identifier: MIT */
/*
 * sched: who runs when, of the scheduling contexts that clients attach.
 *
 *     ATTACH, SET_* --> the entry in the client's SSR, its runner in the table; an event at the next tick
 *     event ----------> contexts.c looks at what the kernel has counted, policy.c decides, contexts.c tells the kernel
 *     the kernel -----> dispatches by priority, budget and period; sched is asked nothing in between
 *
 * So while sched is dead the system runs on with what was set last, and nothing that it should have counted is lost: the kernel
 * counts. The table is a cache; recovery makes it again from the SSRs.
 *
 * Rule: the kernel is told in events alone (and in YIELD), where all of the run state is looked at anew.
 */
#include "servers/common/server.h"

#include "contexts.h"
#include "state.h"

struct sched_region *sched_region(void)
{
    return server_region();
}

void service_start_fresh(void)
{
    *sched_region() = (struct sched_region){
        .magic = SCHED_MAGIC,
        .policy = {SCHED_DEADLINE, SCHED_FIXED, SCHED_SHARE, SCHED_FIXED},
    };
}

void service_event(uint64_t bits)
{
    (void)bits;
    contexts_schedule();
}
