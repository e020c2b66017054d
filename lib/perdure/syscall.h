/* SPDX-License-Identifier: MIT */
/*
 * The one system call that programs make: invoke.
 *
 * Rule: nothing here decides anything. Registers go in and come out as abi/kernel.h describes; an inlined
 * call with a local struct pd_call costs the register moves and the instruction.
 */
#ifndef PERDURE_SYSCALL_H
#define PERDURE_SYSCALL_H

#include <stddef.h>
#include <stdint.h>

#include "abi/kernel.h"

/*
 * Arguments and results of one invocation.
 *
 * word      in: words 0-3. out: result words 0-3.
 * transfer  in: transfer descriptor of a portal call, word 4 of an operation on a kernel object.
 *           out: bytes of the reply message, and which capabilities came with it.
 * lend_base in: page-aligned address of the lent pages, word 5 of an operation. Not changed.
 */
struct pd_call {
    uint64_t word[4];
    uint64_t transfer;
    uint64_t lend_base;
};

#ifdef PERDURE_HOST /* on the build machine whoever tests is the kernel */
int64_t pd_invoke(uint32_t slot, uint32_t operation, struct pd_call *call);

static inline int64_t pd_invoke_checked(uint32_t slot, uint32_t operation, struct pd_call *call)
{
    return pd_invoke(slot, operation, call);
}
#else
/* The invocation that `selector` (INVOKE_*) says. For the functions below. */
static inline int64_t pd_invoke_selected(uint64_t selector, struct pd_call *call)
{
    uint64_t status = selector;
    uint64_t word_0 = call->word[0];
    uint64_t word_1 = call->word[1];
    uint64_t word_2 = call->word[2];
    register uint64_t word_3 __asm__("r10") = call->word[3];
    register uint64_t transfer __asm__("r8") = call->transfer;
    register uint64_t lend_base __asm__("r9") = call->lend_base;

    __asm__ volatile("syscall"
                     : "+a"(status), "+D"(word_0), "+S"(word_1), "+d"(word_2), "+r"(word_3), "+r"(transfer)
                     : "r"(lend_base)
                     : "rcx", "r11", "memory");
    call->word[0] = word_0;
    call->word[1] = word_1;
    call->word[2] = word_2;
    call->word[3] = word_3;
    call->transfer = transfer;
    return (int64_t)status;
}

/*
 * Invoke `operation` of what the capability in `slot` names. Any thread may call; it blocks as long as the callee
 * makes it wait.
 *
 * slot 0..CAPABILITY_SLOTS-1, operation as in abi. Returns PD_OK or a negative PD_* code; the result words are
 * meaningful with PD_OK and, word 0 (FATE_*), with PD_DEAD, PD_LOST and PD_POISON.
 */
static inline int64_t pd_invoke(uint32_t slot, uint32_t operation, struct pd_call *call)
{
    return pd_invoke_selected(slot | (uint64_t)operation << INVOKE_OPERATION_SHIFT, call);
}

/* The check of a request, in its place in the selector (INVOKE_CHECK_SHIFT). */
static inline uint64_t pd_request_check(uint32_t operation, const struct pd_call *call)
{
    uint64_t sum = operation;
    uint32_t transfer = (uint32_t)call->transfer & ((1u << TRANSFER_SEND_SHIFT) - 1);

    __asm__("crc32q %1, %0" : "+r"(sum) : "rm"(call->word[0]));
    __asm__("crc32q %1, %0" : "+r"(sum) : "rm"(call->word[1]));
    __asm__("crc32q %1, %0" : "+r"(sum) : "rm"(call->word[2]));
    __asm__("crc32q %1, %0" : "+r"(sum) : "rm"(call->word[3]));
    __asm__("crc32l %1, %k0" : "+r"(sum) : "rm"(transfer));
    return sum << (64 - INVOKE_CHECK_BITS) >> (64 - INVOKE_CHECK_BITS - INVOKE_CHECK_SHIFT);
}

/*
 * The same for what is, or may be, a portal: the request carries a check, so that a service can tell it from one that was
 * damaged on its way, and its reply comes with one. A damaged one is delivered, or run, again; three times damaged is -PE_IO.
 */
static inline int64_t pd_invoke_checked(uint32_t slot, uint32_t operation, struct pd_call *call)
{
    return pd_invoke_selected(slot | (uint64_t)operation << INVOKE_OPERATION_SHIFT |
                                  pd_request_check(operation, call),
                              call);
}
#endif

/* Invoke with up to four words; results are dropped. Returns as pd_invoke does. */
static inline int64_t pd_invoke_4(uint32_t slot, uint32_t operation, uint64_t word_0, uint64_t word_1,
                                  uint64_t word_2, uint64_t word_3)
{
    struct pd_call call = {.word = {word_0, word_1, word_2, word_3}};

    return pd_invoke(slot, operation, &call);
}

/* Invoke with six words; results are dropped. Returns as pd_invoke does. */
static inline int64_t pd_invoke_6(uint32_t slot, uint32_t operation, uint64_t word_0, uint64_t word_1,
                                  uint64_t word_2, uint64_t word_3, uint64_t word_4, uint64_t word_5)
{
    struct pd_call call = {.word = {word_0, word_1, word_2, word_3}, .transfer = word_4, .lend_base = word_5};

    return pd_invoke(slot, operation, &call);
}

/* What a capability is: type OBJECT_*, rights mask, badge. An empty slot answers PD_BAD_CAPABILITY. */
static inline int64_t pd_identify(uint32_t slot, uint64_t *type, uint64_t *rights, uint64_t *badge)
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(slot, OBJECT_IDENTIFY, &call);

    *type = call.word[0];
    *rights = call.word[1];
    *badge = call.word[2];
    return status;
}

/* The time-stamp counter: boot_info.tsc_hz ticks a second since power-on. */
#ifdef PERDURE_HOST
uint64_t pd_ticks(void);
#else
static inline uint64_t pd_ticks(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (uint64_t)high << 32;
}
#endif

/* Text of a status code, for people: one short phrase, never NULL. */
const char *pd_status_text(int64_t status);

#endif
