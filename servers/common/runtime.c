/* SPDX-License-Identifier: MIT */
/*
 * Calls out of a server: the one invoke instruction, and the SSR manager's operations in terms of it.
 *
 * Rule: every status goes back to the caller as it came, but for those that a server with its own capability never gets;
 * nothing here retries and nothing here has state.
 */
#include "server.h"

/* entry.S lays the delivery registers down at these offsets. */
_Static_assert(offsetof(struct request, operation) == 2, "entry.S: REQUEST_OPERATION");
_Static_assert(offsetof(struct request, binding) == 4, "entry.S: r9 bits 16 and up");
_Static_assert(offsetof(struct request, message_bytes) == 8, "entry.S: REQUEST_TRANSFER");
_Static_assert(offsetof(struct request, lent_pages) == 10, "r8 bits 16-23");
_Static_assert(offsetof(struct request, lent_flags) == 11, "r8 bits 24-31");
_Static_assert(offsetof(struct request, reply_bytes) == 12, "entry.S: REQUEST_REPLY_BYTES");
_Static_assert(offsetof(struct request, words) == 16, "entry.S: REQUEST_WORDS");
_Static_assert(offsetof(struct request, reply) == 48, "entry.S: REQUEST_REPLY");
_Static_assert(sizeof(struct request) == 80, "entry.S: REQUEST_SIZE");

struct service_result service_invoke(uint32_t slot, uint32_t operation, const uint64_t *words,
                                     uint64_t transfer, uint64_t lend_base)
{
    struct pd_call call = {.transfer = transfer, .lend_base = lend_base};
    struct service_result result;

    for (unsigned int index = 0; words && index < 4; index++) {
        call.word[index] = words[index];
    }
    result.status = pd_invoke_checked(slot, operation, &call);
    for (unsigned int index = 0; index < 4; index++) {
        result.words[index] = call.word[index];
    }
    result.message_bytes = (uint32_t)call.transfer;
    return result;
}

/*
 * The kernel refuses a server its own service object only if the processor got the index of the capability or the operation
 * wrong: not to be taken for "there is none".
 */
static int64_t of_own_service(int64_t status)
{
    if (status == PD_BAD_CAPABILITY || status == PD_WRONG_TYPE || status == PD_NO_RIGHT || status == PD_BAD_OPERATION) {
        server_panic(SERVER_PANIC_MANIFEST);
    }
    return status;
}

int64_t service_enumerate(uint32_t index, struct service_binding *binding)
{
    struct pd_call call = {.word = {index}};
    int64_t status = of_own_service(pd_invoke(SLOT_SERVICE, SERVICE_ENUMERATE, &call));

    if (status == PD_OK) {
        binding->binding = (uint32_t)call.word[0];
        binding->flags = (uint32_t)call.word[1];
        binding->badge = call.word[2];
        binding->capabilities = (uint32_t)call.word[3];
    }
    return status;
}

int64_t service_open_ssr(uint32_t binding)
{
    return of_own_service(pd_invoke_4(SLOT_SERVICE, SERVICE_OPEN_SSR, binding, 0, 0, 0));
}

int64_t service_close_ssr(void)
{
    return of_own_service(pd_invoke_4(SLOT_SERVICE, SERVICE_CLOSE_SSR, 0, 0, 0, 0));
}

int64_t service_quarantine(uint32_t binding)
{
    return of_own_service(pd_invoke_4(SLOT_SERVICE, SERVICE_QUARANTINE, binding, 0, 0, 0));
}

int64_t service_answer(uint32_t binding, int64_t answer, uint64_t word1, uint64_t word2)
{
    return pd_invoke_4(SLOT_SERVICE, SERVICE_ANSWER, binding, (uint64_t)answer, word1, word2);
}

int64_t service_answer_message(uint32_t binding, int64_t answer, uint32_t message_bytes)
{
    return pd_invoke_6(SLOT_SERVICE, SERVICE_ANSWER, binding, (uint64_t)answer, 0, 0, message_bytes, 0);
}

int64_t service_deferred(uint32_t binding, uint32_t *operation, uint64_t words[3])
{
    struct pd_call call = {.word = {binding}};
    int64_t status = of_own_service(pd_invoke(SLOT_SERVICE, SERVICE_DEFERRED, &call));

    if (status == PD_OK) {
        *operation = (uint32_t)call.word[0];
        words[0] = call.word[1];
        words[1] = call.word[2];
        words[2] = call.word[3];
    }
    return status;
}

int64_t service_alarm(uint64_t deadline_ns, uint64_t bits)
{
    return of_own_service(pd_invoke_4(SLOT_SERVICE, SERVICE_ALARM, deadline_ns, bits, 0, 0));
}

_Noreturn void server_panic(uint64_t code)
{
    pd_invoke_4(SLOT_SERVICE, SERVICE_PANIC, code, 0, 0, 0);
    /*
     * The kernel ended this incarnation above. Should the capability be missing, an exception does the
     * same.
     */
    __builtin_trap();
}
