/* SPDX-License-Identifier: MIT */
/*
 * Recovery of rng: walk the SSRs and look at each; lock away what cannot be a stream.
 *
 * Rule: one bad SSR costs one client, never the service.
 */
#include "servers/common/server.h"

#include "state.h"

static bool recover(const struct service_binding *binding)
{
    (void)binding;
    return stream_is_valid(server_ssr());
}

void service_start_recovered(void)
{
    service_recover_each(recover);
}
