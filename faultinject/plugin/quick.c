/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU computes the guest's CRC32 instruction bit by bit, in a helper function that is pure: a third of a
 * campaign's time. Here its first bytes are overwritten, in this process's memory, by a jump to a function
 * that uses the host's instruction. Rule: nothing is replaced that has not been found by its name in QEMU's
 * own table of helpers and shown, value by value, to compute the same.
 */
#define _GNU_SOURCE
#include "quick.h"

#include "redirect.h"

#include <link.h>
#include <nmmintrin.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t crc_helper(uint32_t crc, uint64_t data, uint32_t length_bits);

/* The head of QEMU's struct TCGHelperInfo, 7.2 to 10.x. */
struct helper {
    crc_helper *function;
    const char *name;
};

struct executable {
    const ElfW(Phdr) * headers;
    unsigned count;
    uintptr_t base;
};

__attribute__((target("sse4.2"))) static uint64_t crc_by_host(uint32_t crc, uint64_t data,
                                                              uint32_t length_bits)
{
    switch (length_bits) {
    case 8:
        return _mm_crc32_u8(crc, (uint8_t)data);
    case 16:
        return _mm_crc32_u16(crc, (uint16_t)data);
    case 32:
        return _mm_crc32_u32(crc, (uint32_t)data);
    default:
        return _mm_crc32_u64(crc, data);
    }
}

static bool lies_in(const struct executable *executable, uintptr_t address, size_t bytes, unsigned flag)
{
    for (unsigned i = 0; i < executable->count; i++) {
        const ElfW(Phdr) *header = &executable->headers[i];

        if (header->p_type == PT_LOAD && header->p_flags & flag &&
            address - executable->base - header->p_vaddr < header->p_memsz &&
            header->p_memsz - (address - executable->base - header->p_vaddr) >= bytes) {
            return true;
        }
    }
    return false;
}

static crc_helper *find_in_segment(const struct executable *executable, const ElfW(Phdr) * header)
{
    static const char name[] = "crc32";
    const uintptr_t *word = (const uintptr_t *)(executable->base + header->p_vaddr);

    for (size_t i = 0; i + 1 < header->p_memsz / sizeof(*word); i++) {
        struct helper helper;

        if (lies_in(executable, word[i], 1, PF_X) && lies_in(executable, word[i + 1], sizeof(name), PF_R)) {
            memcpy(&helper, &word[i], sizeof(helper));
            if (memcmp(helper.name, name, sizeof(name)) == 0) {
                return helper.function;
            }
        }
    }
    return NULL;
}

/* The executable itself is the first object. */
static int find_in_object(struct dl_phdr_info *object, size_t size, void *found)
{
    struct executable executable = {object->dlpi_phdr, object->dlpi_phnum, object->dlpi_addr};

    (void)size;
    for (unsigned i = 0; i < executable.count && !*(crc_helper **)found; i++) {
        if (executable.headers[i].p_type == PT_LOAD && executable.headers[i].p_flags & PF_W) {
            *(crc_helper **)found = find_in_segment(&executable, &executable.headers[i]);
        }
    }
    return 1;
}

static bool computes_the_same(crc_helper *helper)
{
    uint64_t data = 0x9e3779b97f4a7c15ull;

    for (unsigned round = 0; round < 256; round++) {
        uint32_t crc = (uint32_t)(data >> 21);

        for (uint32_t length_bits = 8; length_bits <= 64; length_bits *= 2) {
            if (helper(crc, data, length_bits) != crc_by_host(crc, data, length_bits)) {
                return false;
            }
        }
        data = data * 6364136223846793005ull + 1442695040888963407ull;
    }
    return true;
}

bool quick_checksums(void)
{
    crc_helper *helper = NULL;

    if (!__builtin_cpu_supports("sse4.2")) {
        return false;
    }
    dl_iterate_phdr(find_in_object, &helper);
    return helper && computes_the_same(helper) && redirect((void *)(uintptr_t)helper, (void *)(uintptr_t)crc_by_host);
}
