/* SPDX-License-Identifier: MIT */
/*
 * Recovery of timer: look at each SSR, lock away what cannot be, and find out who waits, and until when.
 *
 * Rule: one bad SSR costs one client, never the service.
 */
#include "servers/common/server.h"

#include "state.h"
#include "waiters.h"

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
        valid = alarms_are_valid(server_ssr());
        if (valid && binding.flags & BINDING_DEFERRED && !wait_recover(binding.binding)) {
            server_panic(SERVER_PANIC_RECOVERY);
        }
        service_close_ssr();
        if (!valid) {
            service_quarantine(binding.binding);
        }
    }
    wait_arm();
}
