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
 * The error that a status of the kernel means to a client of a service: PD_DEAD, PD_LOST and PD_POISON are -PE_IO
 * (the service or what it held for this client is gone), an empty slot -PE_NODEV, a missing right -PE_ACCES, an
 * address that cannot be lent -PE_FAULT, no quota -PE_NOMEM, a deadline -PE_TIMEDOUT, an abandoned call -PE_INTR, all else
 * -PE_IO.
 */
int64_t pd_portal_error(int64_t status);

/* Call a service: word 0 of the answer, >= 0 or -PE_*. The other words and the message size are in `call`. */
static inline int64_t pd_portal_call(uint32_t slot, uint32_t operation, struct pd_call *call)
{
    int64_t status = pd_invoke(slot, operation, call);

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
