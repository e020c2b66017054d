/* SPDX-License-Identifier: MIT */
/*
 * timer: alarms, and ticks that come again.
 *
 *     SET ---------> the alarm's first expiration and period, in the client's SSR
 *     TAKE, GET ---> how many expirations there have been since then follows from those two and the time
 *     WAIT --------> deferred; the waiters are in a heap by the time at which they are due
 *     event -------> the time has come: the waiters that are due are answered
 *
 * So no expiration depends on the service being alive at that time: one that fell into a crash is counted by
 * whoever asks next. The heap is a cache; recovery makes it again from the requests that are deferred and the
 * SSRs.
 *
 * Rule: expirations are taken out of the SSR in the transaction that hands them out, and in no other.
 */
#include "servers/common/server.h"

#include "state.h"
#include "waiters.h"

void service_start_fresh(void)
{
}

void service_event(uint64_t bits)
{
    wait_answer_due();
    if (bits & EVENT_CHECK) {
        wait_look();
    }
    wait_settle(true);
}

void service_unbind(struct request *request)
{
    wait_forget(request->binding);
    wait_settle(false);
}
