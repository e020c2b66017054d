/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The function's first bytes become a jump. What was there is kept as a copy with a jump to the rest behind it. */
#define _GNU_SOURCE
#include "redirect.h"

#include "decode.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096, JUMP_BYTES = 12 };

/* movabs $to, %rax; jmp *%rax: only where nothing is expected of RAX. */
static void jump_write(uint8_t *at, const void *to)
{
    enum { ADDRESS_AT = 2 };
    uint8_t jump[JUMP_BYTES] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};

    memcpy(jump + ADDRESS_AT, &to, sizeof(to));
    memcpy(at, jump, sizeof(jump));
}

/* What compilers begin a function with, and that does the same elsewhere: pushes, moves and sums of registers. */
static bool can_be_moved(const uint8_t *bytes, const struct instruction *instruction)
{
    static const uint8_t opcodes[] = {0x29, 0x2b, 0x31, 0x33, 0x81, 0x83, 0x89, 0x8b, 0xc1};
    uint8_t operands = bytes[instruction->modrm_at];
    uint16_t opcode = instruction->opcode;

    if (!instruction->known) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
        if (opcode == opcodes[i]) {
            return operands >> 6 == 3 && (operands >> 3 & 7) != RAX && (operands & 7) != RAX;
        }
    }
    return (opcode >= 0x50 && opcode <= 0x57) || (opcode > 0xb8 && opcode <= 0xbf);
}

/* How many bytes of a function's beginning have to be moved; 0: they cannot be. */
static size_t bytes_to_move(const uint8_t *function)
{
    struct instruction instruction;
    size_t bytes = 0;

    while (bytes < JUMP_BYTES) {
        instruction_decode(function + bytes, INSTRUCTION_BYTES_MAX, &instruction);
        if (!can_be_moved(function + bytes, &instruction)) {
            return 0;
        }
        bytes += instruction.length_bytes;
    }
    return bytes;
}

void *redirect_and_keep(void *from, void *to)
{
    size_t moved = bytes_to_move(from);
    uint8_t *kept = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (moved == 0 || kept == MAP_FAILED) {
        return NULL;
    }
    memcpy(kept, from, moved);
    jump_write(kept + moved, (const uint8_t *)from + moved);
    return mprotect(kept, PAGE_BYTES, PROT_READ | PROT_EXEC) == 0 && redirect(from, to) ? kept : NULL;
}

bool redirect(void *from, void *to)
{
    uintptr_t first = (uintptr_t)from & ~(uintptr_t)(PAGE_BYTES - 1);
    size_t bytes = (((uintptr_t)from + JUMP_BYTES - first) + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);

    if (mprotect((void *)first, bytes, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        return false; /* a hardened host */
    }
    jump_write(from, to);
    return mprotect((void *)first, bytes, PROT_READ | PROT_EXEC) == 0;
}
