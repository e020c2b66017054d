/* SPDX-License-Identifier: MIT */
/*
 * Recovery of sched: look at each SSR, lock away what cannot be, and have a runner for each entry again; then an event, which
 * looks at what the kernel has and decides anew.
 *
 * Rule: one bad SSR costs one client, never the service.
 */
#include "servers/common/server.h"

#include "contexts.h"
#include "state.h"

static void load(uint32_t binding, const struct sched_ssr *ssr)
{
    for (uint32_t index = 0; index < SCHED_ENTRIES; index++) {
        if (entry_is_used(&ssr->entries[index]) && !table_put(&sched_table, binding, index, &ssr->entries[index])) {
            server_panic(SERVER_PANIC_RECOVERY); /* there was room for all of them */
        }
    }
}

void service_start_recovered(void)
{
    struct service_binding binding;

    if (!region_is_valid(sched_region())) {
        server_panic(SERVER_PANIC_REGION);
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
        valid = entries_are_valid(server_ssr());
        if (valid) {
            load(binding.binding, server_ssr());
        }
        service_close_ssr();
        if (!valid) {
            service_quarantine(binding.binding);
        }
    }
    contexts_touch();
}
