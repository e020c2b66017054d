/* SPDX-License-Identifier: MIT */
/*
 * Calls to services.
 *
 * Rule: a service's answer is word 0, >= 0 or -PE_*; a status of the kernel (the service never answered) is turned
 * into one of the same kind here and nowhere else, so that callers look at one number.
 */
#ifndef PERDURE_PORTAL_H
#define PERDURE_PORTAL_H

#include "abi/posix_errno.h"
#include "perdure/syscall.h"
#include "perdure/thread.h"

/* The calling thread's message page. Only for the main thread of a domain. */
static inline void *pd_message(void)
{
    return (void *)WINDOW_MESSAGE;
}

/* Transfer descriptor for a message of 0..MESSAGE_BYTES bytes. */
static inline uint64_t pd_transfer_message(size_t message_bytes)
{
    return message_bytes;
}

/* Transfer descriptors that lend 1..LEND_PAGES pages: for the service to read, or to write. */
static inline uint64_t pd_transfer_lend_in(size_t pages)
{
    return (uint64_t)pages << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN;
}

static inline uint64_t pd_transfer_lend_out(size_t pages)
{
    return (uint64_t)pages << TRANSFER_LEND_SHIFT | TRANSFER_LEND_OUT;
}

/*
 * Send a capability with this call, one of at most CALL_CAPABILITIES: a copy of `slot`, which needs RIGHT_GRANT, with `rights`
 * of its rights; with CAPABILITY_MOVE in `flags` the slot is emptied when the service has kept it. Its place is the end of the
 * message page, so a message beside it has at most MESSAGE_CAPABILITIES_OFFSET bytes. Only for the main thread of a domain.
 */
static inline void pd_send_capability(struct pd_call *call, uint32_t slot, uint64_t rights, uint32_t flags, uint32_t badge)
{
    struct capability_transfer *list = (struct capability_transfer *)(WINDOW_MESSAGE + MESSAGE_CAPABILITIES_OFFSET);
    uint64_t index = call->transfer >> TRANSFER_SEND_SHIFT & TRANSFER_SEND_MASK;

    if (index < CALL_CAPABILITIES) {
        list[index] = (struct capability_transfer){.slot = (uint16_t)slot, .rights = (uint8_t)rights,
                                                   .flags = (uint8_t)flags, .badge = badge};
    }
    call->transfer += 1ul << TRANSFER_SEND_SHIFT; /* one too many: PD_BAD_ARGUMENT */
}

/* Offer `count` empty slots from `first_slot` (0..CALL_CAPABILITIES of them) for capabilities that the reply sends. */
static inline void pd_receive_capabilities(struct pd_call *call, uint32_t first_slot, uint32_t count)
{
    call->transfer |= (uint64_t)count << TRANSFER_RECEIVE_SHIFT | (uint64_t)first_slot << TRANSFER_RECEIVE_SLOT_SHIFT;
}

/* After the call: bit i is set if the i-th capability of the reply has come into its slot. */
static inline uint32_t pd_received_mask(const struct pd_call *call)
{
    return (uint32_t)(call->transfer >> TRANSFER_RECEIVED_SHIFT & TRANSFER_RECEIVED_MASK);
}

/* After the call: bytes of the reply message. */
static inline size_t pd_reply_bytes(const struct pd_call *call)
{
    return call->transfer & TRANSFER_MESSAGE_BYTES_MASK;
}

/*
 * The error that a status of the kernel means to a client of a service: PD_DEAD, PD_LOST and PD_POISON are -PE_IO
 * (the service or what it held for this client is gone), an empty slot -PE_NODEV, a missing right -PE_ACCES, an
 * address that cannot be lent -PE_FAULT, no quota -PE_NOMEM, a deadline -PE_TIMEDOUT, an abandoned call -PE_INTR, all else
 * -PE_IO.
 */
int64_t pd_portal_error(int64_t status);

/* Call a service: word 0 of the answer, >= 0 or -PE_*. The other words and the message size are in `call`. */
static inline int64_t pd_portal_call(uint32_t slot, uint32_t operation, struct pd_call *call)
{
    int64_t status = pd_invoke_checked(slot, operation, call);

    if (__builtin_expect(status != PD_OK, 0)) {
        return pd_portal_error(status);
    }
    return (int64_t)call->word[0];
}

/*
 * The same, but no longer than to `deadline_ns` after power-on: then -PE_TIMEDOUT, and word 0 says whether the request was
 * not done (FATE_NOT_DONE) or may have been, or may yet be (FATE_UNKNOWN); pages that it lends to be written stay the
 * service's until that is over.
 */
static inline int64_t pd_portal_call_until(uint32_t slot, uint32_t operation, struct pd_call *call, uint64_t deadline_ns)
{
    int64_t result;

    pd_call_deadline(deadline_ns);
    result = pd_portal_call(slot, operation, call);
    pd_call_deadline(0);
    return result;
}

#endif
