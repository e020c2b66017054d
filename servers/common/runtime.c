/* SPDX-License-Identifier: MIT */
/*
 * Calls out of a server: the one invoke instruction, and the SSR manager's operations in terms of it.
 *
 * Rule: every status goes back to the caller as it came; nothing here retries and nothing here has state.
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

struct service_result service_invoke(uint32_t slot, uint32_t operation, const uint64_t *words, uint64_t transfer,
                                     uint64_t lend_base)
{
    struct service_result result;
    uint64_t rdi = words ? words[0] : 0;
    uint64_t rsi = words ? words[1] : 0;
    uint64_t rdx = words ? words[2] : 0;
    register uint64_t r10 __asm__("r10") = words ? words[3] : 0;
    register uint64_t r8 __asm__("r8") = transfer;
    register uint64_t r9 __asm__("r9") = lend_base;
    uint64_t rax = slot | (uint64_t)operation << 16;

    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    result.status = (int64_t)rax;
    result.words[0] = rdi;
    result.words[1] = rsi;
    result.words[2] = rdx;
    result.words[3] = r10;
    result.message_bytes = (uint32_t)r8;
    return result;
}

static struct service_result manager(uint32_t operation, uint64_t word0, uint64_t word1, uint64_t word2,
                                     uint64_t word3)
{
    uint64_t words[4] = {word0, word1, word2, word3};

    return service_invoke(SLOT_SERVICE, operation, words, 0, 0);
}

int64_t service_enumerate(uint32_t index, struct service_binding *binding)
{
    struct service_result result = manager(SERVICE_ENUMERATE, index, 0, 0, 0);

    if (result.status == PD_OK) {
        binding->binding = (uint32_t)result.words[0];
        binding->flags = (uint32_t)result.words[1];
        binding->badge = result.words[2];
    }
    return result.status;
}

int64_t service_open_ssr(uint32_t binding)
{
    return manager(SERVICE_OPEN_SSR, binding, 0, 0, 0).status;
}

int64_t service_close_ssr(void)
{
    return manager(SERVICE_CLOSE_SSR, 0, 0, 0, 0).status;
}

int64_t service_quarantine(uint32_t binding)
{
    return manager(SERVICE_QUARANTINE, binding, 0, 0, 0).status;
}

int64_t service_answer(uint32_t binding, int64_t answer, uint64_t word1, uint64_t word2)
{
    return manager(SERVICE_ANSWER, binding, (uint64_t)answer, word1, word2).status;
}

int64_t service_deferred(uint32_t binding, uint32_t *operation, uint64_t words[3])
{
    struct service_result result = manager(SERVICE_DEFERRED, binding, 0, 0, 0);

    if (result.status == PD_OK) {
        *operation = (uint32_t)result.words[0];
        words[0] = result.words[1];
        words[1] = result.words[2];
        words[2] = result.words[3];
    }
    return result.status;
}

_Noreturn void server_panic(uint64_t code)
{
    manager(SERVICE_PANIC, code, 0, 0, 0);
    /* The kernel ended this incarnation above. Should the capability be missing, an exception does the same. */
    __builtin_trap();
}
