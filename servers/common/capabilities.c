/* SPDX-License-Identifier: MIT */
/*
 * Capabilities in messages, as a server sees them.
 *
 * Rule: every status goes back to the caller as it came; nothing here has state.
 */
#include "server.h"

int64_t service_keep(uint32_t arrived, uint32_t index)
{
    return pd_invoke_4(SLOT_SERVICE, SERVICE_KEEP, arrived, index, 0, 0);
}

int64_t service_use(uint32_t binding, uint32_t index, uint32_t place)
{
    return pd_invoke_4(SLOT_SERVICE, SERVICE_USE, binding, index, place, 0);
}

int64_t service_drop(uint32_t binding, uint32_t index)
{
    return pd_invoke_4(SLOT_SERVICE, SERVICE_DROP, binding, index, 0, 0);
}

void service_send(struct request *request, uint32_t slot, uint64_t rights, uint32_t flags, uint32_t badge)
{
    struct capability_transfer *list = (struct capability_transfer *)(WINDOW_MESSAGE + MESSAGE_CAPABILITIES_OFFSET);
    uint32_t index = request->reply_bytes >> TRANSFER_SEND_SHIFT & TRANSFER_SEND_MASK;

    if (index == CALL_CAPABILITIES) {
        return;
    }
    list[index] = (struct capability_transfer){.slot = (uint16_t)slot, .rights = (uint8_t)rights,
                                               .flags = (uint8_t)flags, .badge = badge};
    request->reply_bytes += 1u << TRANSFER_SEND_SHIFT;
}
