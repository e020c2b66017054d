/* SPDX-License-Identifier: MIT */
/*
 * Alarms of processes: signals that come at a time.
 *
 * Rule: an alarm is an entry of the service region: when it is due next, its period, its signal. It expires in an event, in
 * which the signal is sent and the next time is set; so a crash loses no expiration, and none counts twice.
 */
#ifndef SERVERS_PROC_ALARMS_H
#define SERVERS_PROC_ALARMS_H

#include "state.h"

/* ALARM and ALARM_INFO of abi/proc.toml. */
int64_t alarm_set(const struct proc_process *self, struct request *request);
int64_t alarm_info(const struct proc_process *self, struct request *request);

/* When the first alarm is due, or a time before that; UINT64_MAX if there is none. */
uint64_t alarms_first_ns(void);

/* For the event of that time, and after a recovery: send the signals of those that are due. */
void alarms_expire(void);

/* These signals of the process have been taken: what expires now counts for the next ones. */
void alarms_taken(const struct proc_process *process, uint32_t signals);

/* The process has ended. */
void alarms_forget(const struct proc_process *process);

#endif
