/* SPDX-License-Identifier: MIT */
/*
 * Signals.
 *
 * Rule: to send one is to change the table: a bit that is pending, or a state that says the process is about to end. What
 * reaches out of proc (a domain that is killed, a notification) is done in an event after the commit, and may be repeated.
 */
#ifndef SERVERS_PROC_SIGNALS_H
#define SERVERS_PROC_SIGNALS_H

#include "state.h"

/* Numbers as newlib's <signal.h> has them. */
enum signal_number {
    SIGNAL_INT = 2,
    SIGNAL_KILL = 9,
    SIGNAL_URG = 16,
    SIGNAL_STOP = 17,
    SIGNAL_TSTP = 18,
    SIGNAL_CONT = 19,
    SIGNAL_CHLD = 20,
    SIGNAL_TTIN = 21,
    SIGNAL_TTOU = 22,
    SIGNAL_WINCH = 28,
};

/* Is there a signal that the process catches and does not block? */
static inline bool signals_due(const struct proc_process *process)
{
    return (process->pending & process->caught & ~process->blocked) != 0;
}

/* Send a signal to one process. */
void signal_send(struct proc_process *process, uint32_t number);

/* Send one to each process of a group; how many there are, those included that have ended and have not been waited for: as long as one
 * of them is there, the group is. */
uint32_t signal_send_group(uint32_t group, uint32_t number);

/* What a process wants done has changed: deal with what is pending and not caught any more. */
void signals_changed(struct proc_process *process);

/* Have signals_deliver() called in an event after the commit. */
void signals_deliver_later(void);

/* For events: end the processes that are to end, and wake those that have signals. */
void signals_deliver(void);

#endif
