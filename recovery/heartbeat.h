/* SPDX-License-Identifier: MIT */
/*
 * Heartbeats: services whose work begins with an event would wait for ever, and fail in nothing, if the event were lost or never
 * asked for. So the monitor has each of them look at itself (SERVICE_CHECK), as often as the manifest says.
 *
 * Rule: the beats are at the multiples of the period since power-on. So nothing need be remembered but the time of the last
 * look, and a new monitor goes on with the beat of the old one. Nobody is waited for: who has not dealt with a beat when the next
 * one comes is ended by the kernel.
 */
#ifndef RECOVERY_HEARTBEAT_H
#define RECOVERY_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether there is a beat after `from_ns`, up to `to_ns`. */
bool heartbeat_is_between(uint64_t period_us, uint64_t from_ns, uint64_t to_ns);

/* The next beat after `now_ns` of all services, or of `longest_us` if that is before. */
uint64_t heartbeat_next_ns(uint64_t longest_us, uint64_t now_ns);

/* Ask those that have had a beat since `from_ns`. */
void heartbeat_ask(uint64_t from_ns, uint64_t to_ns);

#endif
