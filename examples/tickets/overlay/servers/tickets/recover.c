/* SPDX-License-Identifier: MIT */
/* Recovery of tickets: reads every client's tour, then counts them all. */
#include "servers/common/server.h"

#include "state.h"

#define CLIENTS_MAXIMUM 64

static struct tickets_ssr found[CLIENTS_MAXIMUM];

void service_start_recovered(void)
{
    struct service_binding binding;
    uint32_t count = 0;

    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK && count < CLIENTS_MAXIMUM; index++) {
        if (binding.flags & BINDING_QUARANTINED || service_open_ssr(binding.binding) != PD_OK) {
            continue;
        }
        memcpy(&found[count++], server_ssr(), sizeof found[0]);
        service_close_ssr();
    }
    for (uint32_t client = 0; client < count; client++) {
        tours_add(&found[client]);
    }
}
