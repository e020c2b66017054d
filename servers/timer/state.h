/* SPDX-License-Identifier: MIT */
/*
 * What timer knows of a client: its alarms, in the client's SSR (struct timer_ssr of abi/timer.toml).
 *
 * Rule: pure functions of the SSR and the time. An alarm that is set has expired once for each of due_ns,
 * due_ns + period_ns, ... that is not later than now.
 */
#ifndef SERVERS_TIMER_STATE_H
#define SERVERS_TIMER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/timer.h"

#define ALARM_NEVER UINT64_MAX

/* Codes of the panics, as the fault record shows them. */
enum timer_panic_code {
    TIMER_PANIC_FIRST = 0x746d0001, /* it is not the first alarm of a client that was found */
    TIMER_PANIC_STATE,              /* the state of a client that waits cannot be opened */
    TIMER_PANIC_CALL,               /* what a call did or answered was not confirmed */
    TIMER_PANIC_TAKEN,              /* what an event took out of an SSR was not */
    TIMER_PANIC_HEAP,               /* the heap is not what was put into it */
    TIMER_PANIC_LATE,               /* somebody is due, and there was time to answer */
    TIMER_PANIC_FORGOTTEN           /* a client waits that is not in the heap */
};

/* Set an alarm to expire first at `due_ns` (0: never) and then every `period_ns` (0: not again). */
void alarm_set(struct timer_alarm *alarm, uint64_t due_ns, uint64_t period_ns);

/* Expirations up to `now_ns` that have not been taken. */
uint64_t alarm_count(const struct timer_alarm *alarm, uint64_t now_ns);

/* Nanoseconds to the next expiration after `now_ns`, 0 if there is none to come. */
uint64_t alarm_remaining(const struct timer_alarm *alarm, uint64_t now_ns);

/* Take the expirations up to `now_ns`: how many. */
uint64_t alarms_take(struct timer_ssr *ssr, uint32_t index, uint64_t now_ns);

/* The alarm of those in `mask` that is due first: its index and *due_ns; ALARM_NEVER if none of them is set.
 */
uint32_t alarms_first(const struct timer_ssr *ssr, uint64_t mask, uint64_t *due_ns);

/* Could this be what a committed transaction left? (The checksums, the kernel's business, held already.) */
bool alarms_are_valid(const struct timer_ssr *ssr);

#endif
