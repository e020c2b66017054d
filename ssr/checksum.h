/* SPDX-License-Identifier: MIT */
/* Checksum of kernel-protected memory: CRC-32C, computed by the processor (SSE4.2 `crc32`, Intel SDM vol. 2A).
 * Rule: lengths are multiples of CHECKSUM_GRANULE, so that the loop has no tail and 256 bytes cost 35
 * instructions. It finds every burst of up to 32 bits and every odd number of flipped bits in a page.
 */
#pragma once
#include <stdint.h>

#define CHECKSUM_GRANULE 256u
#define CHECKSUM_SEED 0xffffffffu

/* One quadword more. `sum` carries the running value in its low half. */
static inline uint64_t checksum_step(uint64_t sum, uint64_t word)
{
    return __builtin_ia32_crc32di(sum, word);
}

/* Checksum of `bytes` bytes (a multiple of CHECKSUM_GRANULE, not 0) at `data` (8-byte aligned). */
static inline uint32_t checksum(const void *data, uint32_t bytes)
{
    const uint64_t *word = data;
    const uint64_t *end = (const uint64_t *)((uintptr_t)data + bytes);
    uint64_t sum = CHECKSUM_SEED;

    do {
#pragma GCC unroll 32
        for (uint32_t i = 0; i < CHECKSUM_GRANULE / 8; i++)
            sum = checksum_step(sum, word[i]);
        word += CHECKSUM_GRANULE / 8;
    } while (word != end);
    return (uint32_t)sum;
}
