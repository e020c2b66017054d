/* SPDX-License-Identifier: MIT */
/*
 * Recovery of rng: walk the SSRs and look at each; lock away what cannot be a stream.
 *
 * Rule: one bad SSR costs one client, never the service.
 */
#include "servers/common/server.h"

#include "state.h"

void service_start_recovered(void)
{
    struct service_binding binding;

    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK; index++) {
        if (binding.flags & BINDING_QUARANTINED || service_open_ssr(binding.binding) != PD_OK) {
            continue;
        }
        if (!stream_is_valid(server_ssr())) {
            service_close_ssr();
            service_quarantine(binding.binding);
        }
    }
    service_close_ssr();
}
