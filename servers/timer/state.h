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
