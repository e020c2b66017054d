/* SPDX-License-Identifier: MIT */
/*
 * Threads and scheduling contexts.
 *
 * Rule: a thread runs on its own time only while a scheduling context is bound to it. All return PD_OK or a
 * negative PD_* code.
 */
#ifndef PERDURE_THREAD_H
#define PERDURE_THREAD_H

#include "perdure/syscall.h"

/* `argument` arrives in rdi at `entry`. */
static inline int64_t pd_thread_start(uint32_t thread, uint64_t entry, uint64_t stack, uint64_t argument)
{
    return pd_invoke_4(thread, THREAD_START, entry, stack, argument, 0);
}

static inline int64_t pd_bind_sched_context(uint32_t thread, uint32_t sched_context)
{
    return pd_invoke_4(thread, THREAD_BIND_SCHED_CONTEXT, sched_context, 0, 0, 0);
}

static inline int64_t pd_thread_stop(uint32_t thread)
{
    return pd_invoke_4(thread, THREAD_STOP, 0, 0, 0, 0);
}

static inline int64_t pd_yield(void)
{
    return pd_invoke_4(SLOT_SELF_THREAD, THREAD_YIELD, 0, 0, 0, 0);
}

/*
 * A call of a service that the caller makes, or makes next, ends at `deadline_ns` after power-on with PD_TIMEOUT; 0: no
 * deadline any more. It counts for one call, and to the end of it alone if it is taken away then.
 */
static inline int64_t pd_call_deadline(uint64_t deadline_ns)
{
    return pd_invoke_4(SLOT_SELF_THREAD, THREAD_CALL_DEADLINE, deadline_ns, 0, 0, 0);
}

/* End another thread's call with PD_ABANDONED. */
static inline int64_t pd_thread_abandon(uint32_t thread)
{
    return pd_invoke_4(thread, THREAD_ABANDON, 0, 0, 0, 0);
}

/* Sleep until `deadline_ns` after power-on. */
static inline int64_t pd_sleep_until(uint64_t deadline_ns)
{
    return pd_invoke_4(SLOT_SELF_THREAD, THREAD_SLEEP_UNTIL, deadline_ns, 0, 0, 0);
}

/* Tell an observer outside the machine that the program is here. */
static inline int64_t pd_mark(uint64_t mark)
{
    return pd_invoke_4(SLOT_SELF_THREAD, THREAD_MARK, mark, 0, 0, 0);
}

/* priority 0..PRIORITY_MAXIMUM, higher first; budget_us of every period_us, both 0 for no limit. */
static inline int64_t pd_sched_context_set(uint32_t sched_context, uint64_t priority, uint64_t budget_us,
                                           uint64_t period_us)
{
    return pd_invoke_4(sched_context, SCHED_CONTEXT_SET, priority, budget_us, period_us, 0);
}

/* The same; once the budget of a period is used up it runs on at priority `background`, 1..priority. */
static inline int64_t pd_sched_context_set_background(uint32_t sched_context, uint64_t priority, uint64_t budget_us,
                                                      uint64_t period_us, uint64_t background)
{
    return pd_invoke_4(sched_context, SCHED_CONTEXT_SET, priority, budget_us, period_us, background);
}

/* Priorities alone: its period goes on, and what is left of its budget. */
static inline int64_t pd_sched_context_set_priority(uint32_t sched_context, uint64_t priority, uint64_t background)
{
    return pd_invoke_4(sched_context, SCHED_CONTEXT_SET_PRIORITY, priority, background, 0, 0);
}

/* words: what is left of the budget, when the next period begins, the budget, the period; all in nanoseconds. */
static inline int64_t pd_sched_context_budget(uint32_t sched_context, uint64_t words[4])
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(sched_context, SCHED_CONTEXT_BUDGET, &call);

    for (unsigned index = 0; index < 4; index++) {
        words[index] = call.word[index];
    }
    return status;
}

static inline int64_t pd_sched_context_info(uint32_t sched_context, uint64_t *consumed_ns)
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(sched_context, SCHED_CONTEXT_INFO, &call);

    *consumed_ns = call.word[0];
    return status;
}

#endif
