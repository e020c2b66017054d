/* SPDX-License-Identifier: MIT */
/*
 * Recovery of echo: walk and check the SSRs, and fault where an order says so.
 *
 * Rule: as in every server, one bad SSR costs one client.
 */
#include "servers/common/server.h"

#include "state.h"

static bool ssr_is_valid(const struct echo_ssr *ssr)
{
    return ssr->magic <= 1 && ssr->guard <= 1;
}

void service_start_recovered(void)
{
    struct service_binding binding;

    state_find_identity();
    fault_plan_recovery(0);
    if (!state_has_ssr) {
        return;
    }
    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK; index++) {
        int64_t status = binding.flags & BINDING_QUARANTINED ? PD_LOST : service_open_ssr(binding.binding);
        bool valid;

        if (status == PD_LOST) {
            continue;
        }
        if (status != PD_OK) {
            server_panic(SERVER_PANIC_RECOVERY);
        }
        fault_plan_recovery(binding.binding);
        valid = ssr_is_valid(server_ssr());
        service_close_ssr();
        if (!valid) {
            service_quarantine(binding.binding);
        }
    }
}
