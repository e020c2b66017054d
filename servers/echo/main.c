/* SPDX-License-Identifier: MIT */
/*
 * echo: a server that does next to nothing, so that what remains is the mechanism.
 *
 * It runs twice: echo has an SSR of 256 bytes per client, echo0 has none. Measurements call NULL, ADD4 and
 * TOUCH; tests call MESSAGE and LEND, and FAULT, which ends the incarnation in a chosen way as often as
 * ordered (state.h).
 *
 * Rule: nothing here is on the way of a measured call but its one line in ops.c.
 */
#include "servers/common/server.h"

#include "state.h"

void service_start_fresh(void)
{
    state_find_identity();
    for (uint32_t index = 0; index < FAULT_PLAN_CLIENTS; index++) {
        fault_plan_done(index);
    }
    fault_plan.recovery_binding = 0;
    fault_plan.recovery_always = 0;
}

/* Nothing signals echo: its events come from tests that bind a notification to see them delivered. */
void service_event(uint64_t bits)
{
    server_log("event %lx", bits);
}

void service_unbind(struct request *request)
{
    fault_plan_done(request->binding);
}
