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

static bool recover(const struct service_binding *binding)
{
    const struct sched_ssr *ssr = server_ssr();

    if (!entries_are_valid(ssr)) {
        return false;
    }
    for (uint32_t index = 0; index < SCHED_ENTRIES; index++) {
        if (entry_is_used(&ssr->entries[index]) &&
            !table_put(&sched_table, binding->binding, index, &ssr->entries[index])) {
            server_panic(SERVER_PANIC_RECOVERY); /* there was room for all of them */
        }
    }
    return true;
}

void service_start_recovered(void)
{
    if (!region_is_valid(sched_region())) {
        server_panic(SERVER_PANIC_REGION);
    }
    service_recover_each(recover);
    contexts_touch();
}
