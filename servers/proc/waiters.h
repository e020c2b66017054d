/* SPDX-License-Identifier: MIT */
/*
 * Calls that wait: for a child, a pipe, an offset, or for time.
 *
 * Rule: a process waits if, and only if, its client has a deferred request; what for is noted here, and recovery reads it
 * from the request again. Whoever changes what somebody may wait for calls waiters_serve() in the same transaction.
 */
#ifndef SERVERS_PROC_WAITERS_H
#define SERVERS_PROC_WAITERS_H

#include "state.h"

/* What a call that may wait comes to. */
struct outcome {
    int64_t result; /* SERVICE_DEFER: it has to wait */
    uint64_t word1;
    uint64_t word2;
    uint32_t pipe; /* of a READ: `bytes` bytes that were taken out of it at `position` */
    uint32_t position;
    uint32_t bytes;
};

/* How the call of an operation that may wait stands now (abi/proc.toml). `again`: it has waited already. */
struct outcome waiters_try(struct proc_process *process, uint32_t operation, const uint64_t words[3], bool again);

/* The call of `process` waits from now on. SERVICE_DEFER, or -PE_BUSY: another thread of it does. */
int64_t waiters_defer(struct proc_process *process, const struct request *request);

/* The process has ended. */
void waiters_forget(const struct proc_process *process);

/* Answer all that can be answered now; what is more than one transaction can answer is left to an event. */
void waiters_serve(void);

/* Have an event come at the first deadline or alarm, or when it is time to look again. */
void waiters_arm(void);

/* For recovery: the process has a deferred request. */
void waiters_recover(struct proc_process *process);

/* A process has started: look again from time to time, as long as there is one. */
void waiters_begin(void);

/*
 * For the event of the alarm, before waiters_serve(): find out from the requests who waits. So a wake-up that was lost to a fault
 * which nobody saw is late, and no more.
 */
void waiters_look_again(void);

#endif
