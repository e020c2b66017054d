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
        int64_t status = binding.flags & BINDING_QUARANTINED ? PD_LOST : service_open_ssr(binding.binding);
        bool valid;

        if (status == PD_LOST) {
            continue;
        }
        if (status != PD_OK) {
            server_panic(SERVER_PANIC_RECOVERY);
        }
        valid = stream_is_valid(server_ssr());
        service_close_ssr();
        if (!valid) {
            service_quarantine(binding.binding);
        }
    }
}
