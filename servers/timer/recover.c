/* SPDX-License-Identifier: MIT */
/*
 * Recovery of timer: look at each SSR, lock away what cannot be, and find out who waits, and until when.
 *
 * Rule: one bad SSR costs one client, never the service.
 */
#include "servers/common/server.h"

#include "state.h"
#include "waiters.h"

static bool recover(const struct service_binding *binding)
{
    bool valid = alarms_are_valid(server_ssr());

    if (valid && binding->flags & BINDING_DEFERRED && !wait_recover(binding->binding)) {
        server_panic(SERVER_PANIC_RECOVERY);
    }
    return valid;
}

void service_start_recovered(void)
{
    service_recover_each(recover);
    wait_settle(false);
}
