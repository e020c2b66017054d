/* SPDX-License-Identifier: MIT */
/*
 * The test guest: as small a machine as has what the injector needs. A kernel, two services with code at addresses of
 * their own (fs, rng), a program that is two clients, calls that are transactions, restart of a service that faults
 * or hangs, and a RAM disk. It is not Perdure; it only looks like it from outside.
 */
#ifndef GUEST_H
#define GUEST_H

#define VECTOR_SYSTEM_CALL 256
#define VECTOR_TIMER 32

#define FS_BASE 0x05000000
#define RNG_BASE 0x06000000
#define PROGRAM_BASE 0x08000000

/* Within 2 MiB from a base: code, data, stack, one state page for each client, the disk. */
#define CODE_PAGES 4
#define DATA_PAGE 8 /* its first word: how often the books of fs do not agree */
#define STACK_PAGE 10
#define STATE_PAGE 12
#define DISK_PAGE 64
#define DISK_PAGES 256

#define CALL_SERVICE 1
#define CALL_REPLY 0x8000000000000000ull /* as Perdure does: the top bit */
#define CALL_PRINT 3
#define CALL_EXIT 4

#define OPERATION_WRITE 1
#define OPERATION_READ 2
#define OPERATION_NEXT 3

#define ERROR_DAMAGED -5

#define CLIENTS 2

/*
 * What is wrong with the guest, for tests of the oracle; build.sh compiles one. A patched fs does its wrong when a call
 * of which an incarnation has died is run again, and never else, so that the golden run is right.
 */
#define PATCH_NONE 0
#define PATCH_LIE 1         /* it answers something else */
#define PATCH_DROP 2        /* it does not write */
#define PATCH_REFUSE 3      /* it answers with an error */
#define PATCH_CORRUPT 4     /* it damages the other client's state */
#define PATCH_MISCOUNT 5    /* its own books are wrong; an audit tells */
#define PATCH_HANG 6        /* it never comes back, again and again */
#define PATCH_NO_LIMIT 7    /* the kernel lets hangs hang */
#define PATCH_KERNEL 8      /* the kernel fails when it restarts a service */

#ifndef PATCH
#define PATCH PATCH_NONE
#endif

#ifndef __ASSEMBLER__
#include <stdint.h>

#define STATE_MAGIC 0x5354415445ull

struct state {
    uint64_t magic;
    uint64_t sum;
    uint64_t calls;
};

static inline uint64_t system_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    register uint64_t fourth __asm__("r10") = d;
    uint64_t result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}

static inline uint64_t mix(uint64_t value)
{
    for (int i = 0; i < 12; i++) {
        value ^= value >> 29;
        value *= 0xbf58476d1ce4e5b9ull;
        value += (uint64_t)i;
    }
    return value;
}
#endif
#endif
