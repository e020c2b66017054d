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
#define DATA_PAGE 8
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
