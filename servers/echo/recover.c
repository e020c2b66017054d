/* SPDX-License-Identifier: MIT */
/*
 * Recovery of echo: walk and check the SSRs, and fault where an order says so.
 *
 * Rule: as in every server, one bad SSR costs one client.
 */
#include "servers/common/server.h"

#include "state.h"

static bool recover(const struct service_binding *binding)
{
    const struct echo_ssr *ssr = server_ssr();

    fault_plan_recovery(binding->binding);
    return ssr->magic <= 1 && ssr->guard <= 1;
}

void service_start_recovered(void)
{
    state_find_identity();
    fault_plan_recovery(0);
    if (state_has_ssr) {
        service_recover_each(recover);
    }
}
