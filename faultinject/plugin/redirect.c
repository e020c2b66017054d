/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The function's first bytes become a jump. */
#define _GNU_SOURCE
#include "redirect.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

bool redirect(void *from, void *to)
{
    enum { PAGE_BYTES = 4096, ADDRESS_AT = 2 };
    uint8_t jump[] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; /* movabs $to, %rax; jmp *%rax */
    uintptr_t first = (uintptr_t)from & ~(uintptr_t)(PAGE_BYTES - 1);
    size_t bytes = (((uintptr_t)from + sizeof(jump) - first) + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);

    memcpy(jump + ADDRESS_AT, &to, sizeof(to));
    if (mprotect((void *)first, bytes, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        return false; /* a hardened host */
    }
    memcpy(from, jump, sizeof(jump));
    return mprotect((void *)first, bytes, PROT_READ | PROT_EXEC) == 0;
}
