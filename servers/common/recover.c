/* SPDX-License-Identifier: MIT */
/*
 * The walk that every recovery makes: each SSR is opened, looked at, and locked away if it cannot be.
 *
 * Rule: one bad SSR costs one client, never the service; an SSR that cannot be opened, though nothing is wrong with it, is no
 * state to go on from.
 */
#include "server.h"

void service_recover_each(bool (*recover)(const struct service_binding *binding))
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
        valid = recover(&binding);
        service_close_ssr();
        if (!valid) {
            service_quarantine(binding.binding);
        }
    }
}
