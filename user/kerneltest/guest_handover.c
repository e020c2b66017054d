/* SPDX-License-Identifier: MIT */
/* What the test service does with capabilities of its clients. Rule: guest.h. */
#pragma GCC target("general-regs-only")
#include "guest.h"

#include <abi/kernel.h>
#include <perdure/notification.h>

static int64_t use(uint64_t binding, uint64_t index)
{
    return pd_invoke_4(SLOT_SERVICE, SERVICE_USE, binding, index, 1, 0);
}

static int64_t signal_kept(uint64_t binding, uint64_t index, uint64_t bits)
{
    int64_t status = use(binding, index);

    return status == PD_OK ? pd_signal(SLOT_USED + 1, bits) : status;
}

static uint64_t kind(uint64_t slot)
{
    uint64_t type, rights, badge;
    int64_t status = pd_identify((uint32_t)slot, &type, &rights, &badge);

    return status == PD_OK ? badge << 16 | type << 8 | rights : (uint64_t)status;
}

static uint64_t kept_mask(uint64_t index)
{
    struct pd_call call = {.word = {index}};

    return pd_invoke(SLOT_SERVICE, SERVICE_ENUMERATE, &call) == PD_OK ? call.word[3] : ~0ul;
}

/* The list at the end of the message page, of one entry. */
static uint64_t send_one(uint64_t slot, uint64_t rights, uint64_t flags)
{
    volatile struct capability_transfer *list =
        (volatile struct capability_transfer *)(WINDOW_MESSAGE + MESSAGE_CAPABILITIES_OFFSET);

    list->slot = (uint16_t)slot;
    list->rights = (uint8_t)rights;
    list->flags = (uint8_t)flags;
    list->badge = 3;
    return 1ul << TRANSFER_SEND_SHIFT;
}

/* Call the inner service, sending what has come; with `receive` what its reply sends arrives as the fourth, and is kept. */
static uint64_t pass_on(uint64_t operation, uint64_t word, bool receive)
{
    struct pd_call call = {.word = {word}};
    int64_t status;

    if (receive) {
        call.transfer = 1ul << TRANSFER_RECEIVE_SHIFT | (SLOT_ARRIVED + 3ul) << TRANSFER_RECEIVE_SLOT_SHIFT;
    } else {
        call.transfer = send_one(SLOT_ARRIVED, RIGHT_WRITE | RIGHT_GRANT, 0);
    }
    status = pd_invoke(GUEST_INNER_SLOT, (uint32_t)operation, &call);
    if (status == PD_OK && receive) {
        return (uint64_t)pd_invoke_4(SLOT_SERVICE, SERVICE_KEEP, 3, 5, 0, 0);
    }
    return status == PD_OK ? call.word[0] : (uint64_t)status;
}

uint64_t guest_handover(uint64_t operation, const uint64_t word[4], uint64_t *transfer)
{
    switch (operation) {
    case GUEST_KEEP:
        return (uint64_t)pd_invoke_4(SLOT_SERVICE, SERVICE_KEEP, word[0], word[1], 0, 0);
    case GUEST_DROP:
        return (uint64_t)pd_invoke_4(SLOT_SERVICE, SERVICE_DROP, word[0], word[1], 0, 0);
    case GUEST_USE:
        return (uint64_t)pd_invoke_4(SLOT_SERVICE, SERVICE_USE, word[0], word[1], word[2], 0);
    case GUEST_SIGNAL:
        return (uint64_t)pd_signal((uint32_t)word[0], word[1]);
    case GUEST_SIGNAL_KEPT:
        return (uint64_t)signal_kept(word[0], word[1], word[2]);
    case GUEST_KIND:
        return kind(word[0]);
    case GUEST_KEPT:
        return kept_mask(word[0]);
    case GUEST_SEND:
        *transfer = send_one(word[0], word[1], word[2]);
        return 0;
    case GUEST_SEND_KEPT:
        *transfer = use(word[0], word[1]) == PD_OK ? send_one(SLOT_USED + 1, word[2], 0) : 0;
        return 0;
    case GUEST_PASS_ON:
        return pass_on(word[0], word[1], false);
    case GUEST_RECEIVE:
        return pass_on(word[0], word[1], true);
    default:
        return (uint64_t)-1;
    }
}

void guest_handover_started(void)
{
    board()->kept_at_start = kept_mask(0);
}

void guest_handover_own(uint64_t kind_of_delivery, uint64_t binding)
{
    uint64_t index = board()->use_in[kind_of_delivery];

    if (index) {
        board()->used_status[kind_of_delivery] = signal_kept(binding ? binding : board()->event_binding, index - 1, 1ul << kind_of_delivery);
    }
}
