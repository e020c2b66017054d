/* SPDX-License-Identifier: MIT */
/*
 * proc: processes, signals, pipes.
 *
 *     SPAWN -----> a place in the table for the child, with the ends of pipes that it gets
 *     START -----> the child says which of the expected ones it is
 *     last transaction of its binding -> it has ended: its ends close, its status waits for its parent
 *     WAIT, READ, WRITE, POLL ... -> answered at once, or deferred and answered in the transaction that lets them go on
 *     KILL, Ctrl-C -> a change of the table; after the commit an event kills the domain or wakes the process
 *
 * Programs start programs themselves and hold the capabilities to them; proc keeps what must outlive them. All of it is in
 * the service region, so a crash of proc loses no process, no status and no byte.
 *
 * Rule: proc calls nobody and waits for nobody.
 */
#include "servers/common/server.h"

#include "alarms.h"
#include "ending.h"
#include "signals.h"
#include "waiters.h"

void service_start_fresh(void)
{
    proc_region()->magic = PROC_MAGIC;
}

void service_event(uint64_t bits)
{
    if (bits & EVENT_INTERRUPT) {
        signal_send_group(proc_region()->foreground, SIGNAL_INT);
    }
    if (bits & EVENT_SERVE) {
        signals_deliver();
    }
    if (bits & EVENT_TIME) {
        alarms_expire();
        waiters_look_again();
    }
    waiters_serve();
}

void service_unbind(struct request *request)
{
    struct proc_process *process = process_self();

    if (!process) {
        process = ending_expected(request->binding);
    }
    if (process) {
        process_end(process);
        waiters_serve();
    }
}
