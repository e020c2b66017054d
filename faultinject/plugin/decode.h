/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one x86-64 instruction reads and writes: general registers and flags bit by bit, and its memory operand.
 * Made for integer code as compilers write it; an instruction outside that set is reported as not known, and whoever
 * asks must then assume the worst.
 */
#ifndef FAULTINJECT_DECODE_H
#define FAULTINJECT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The processor's own numbering. */
enum {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
    REGISTER_COUNT,
    REGISTER_RIP = REGISTER_COUNT,
    REGISTER_NONE = 255
};

enum {
    FLAG_CF = 1 << 0, FLAG_PF = 1 << 2, FLAG_AF = 1 << 4, FLAG_ZF = 1 << 6, FLAG_SF = 1 << 7, FLAG_DF = 1 << 10,
    FLAG_OF = 1 << 11,
    FLAGS_ARITHMETIC = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF
};

enum { INSTRUCTION_BYTES_MAX = 15 };

struct instruction {
    bool known;                /* false: nothing else here means anything */
    bool memory;               /* has a data operand in memory (LEA and prefetches have none) */
    bool system_call;          /* the SYSCALL instruction */
    bool stores;               /* its memory operand is written (pushes and string instructions are left out) */
    bool repeats;              /* a string instruction with a count in RCX */
    uint8_t segment;           /* 0, or the prefix byte of FS (0x64) or GS (0x65) */
    uint8_t length_bytes;
    uint16_t opcode;           /* its last byte, with 0x0f00 or 0x3800 for those after 0F or 0F 38 */
    uint8_t opcode_at;         /* where in the encoding that byte is */
    uint8_t modrm_at;          /* where the ModRM byte is; 0: there is none */
    uint8_t base;              /* register, REGISTER_RIP or REGISTER_NONE */
    uint8_t index;             /* register or REGISTER_NONE */
    uint8_t scale;             /* 1, 2, 4 or 8 */
    int64_t displacement;
    uint32_t flags_read;       /* bits of RFLAGS */
    uint32_t flags_written;
    uint64_t read[REGISTER_COUNT];    /* bits of each register whose value the instruction uses */
    uint64_t written[REGISTER_COUNT]; /* bits of each register that it replaces whatever they were */
};

/*
 * Decodes the instruction at `bytes`, of which `available` (1 to 15 make sense) can be read, into `*instruction`.
 * Returns instruction->known.
 */
bool instruction_decode(const uint8_t *bytes, size_t available, struct instruction *instruction);

/* Adds what a system call reads: the registers in which its arguments are. Results come back in them; RCX and R11 carry nothing. */
void instruction_add_call_arguments(struct instruction *instruction);

/* What an instruction does with an SSE register (0..15). */
enum sse_effect { SSE_NONE, SSE_READ, SSE_REPLACED };
enum sse_effect instruction_sse(const uint8_t *bytes, size_t available, unsigned number);

/* Name of a register in the order of the enumeration, of REGISTER_RIP too; for messages. */
const char *register_name(unsigned number);

#endif
