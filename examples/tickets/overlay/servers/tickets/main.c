/* SPDX-License-Identifier: MIT */
/* tickets: a lottery. What happens without a call. */
#include "servers/common/server.h"

#include "state.h"

void service_start_fresh(void)
{
}

void service_event(uint64_t bits)
{
    server_log("tickets: unexpected event %lx", bits);
}

/* A client is gone: nobody waits for it any more. */
void service_unbind(struct request *request)
{
    if (client_has_joined(request->binding)) {
        tours_remove(server_ssr());
        client_set_joined(request->binding, false);
    }
}
