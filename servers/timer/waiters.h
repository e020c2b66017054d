/* SPDX-License-Identifier: MIT */
/*
 * Clients that wait for an alarm.
 *
 * Rule: a client waits if, and only if, it has a deferred request; its words say for which alarms. The heap
 * has each of them, with the time at which the first of its alarms is due, and the service's alarm is set for
 * the first of all.
 */
#ifndef SERVERS_TIMER_WAITERS_H
#define SERVERS_TIMER_WAITERS_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/server.h"

/* The alarms that a client waits for, 0 if it does not wait. */
uint64_t wait_mask(uint32_t binding);

/* A client waits from now on. False: no room. */
bool wait_until(uint32_t binding, uint64_t due_ns);

/* In a call of a client that may be waiting in another of its threads: its alarms have changed. */
void wait_changed(uint32_t binding);

/* A client waits no more. */
void wait_forget(uint32_t binding);

/* For events: answer those that are due; more than a transaction can answer are left to the next event. */
void wait_answer_due(void);

/* A client was told to wait: it is in the heap, with the first of the alarms that it asked for. */
void wait_confirm(const struct request *request);

/* For recovery, with the client's SSR open: put it into the heap if it has a deferred request. False: no
 * room. */
bool wait_recover(uint32_t binding);

/* At a heartbeat: all who wait are in the heap. */
void wait_look(void);

/*
 * The end of every transaction: what is in the heap is confirmed, and an event will come when the first is due. Of an event that
 * has `answered`, that nobody was overlooked.
 */
void wait_settle(bool answered);

#endif
