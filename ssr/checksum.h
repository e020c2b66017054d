/* SPDX-License-Identifier: MIT */
/* Checksum of kernel-protected memory: CRC-32C, computed by the processor (SSE4.2 `crc32`, Intel SDM vol. 2A).
 * Rule: lengths are multiples of CHECKSUM_GRANULE, so that the loop has no tail and 128 bytes cost 19
 * instructions. It finds every burst of up to 32 bits and every odd number of flipped bits in a page.
 */
#pragma once
#include <stdint.h>

#define CHECKSUM_GRANULE 128u
#define CHECKSUM_SEED 0xffffffffu

/* One quadword more. `sum` carries the running value in its low half. */
static inline uint64_t checksum_step(uint64_t sum, uint64_t word)
{
    return __builtin_ia32_crc32di(sum, word);
}

/* Checksum of `bytes` bytes (a multiple of CHECKSUM_GRANULE) at `data` (8-byte aligned). */
static inline uint32_t checksum(const void *data, uint32_t bytes)
{
    const uint64_t *word = data;
    const uint64_t *end = word + bytes / 8;
    uint64_t sum = CHECKSUM_SEED;

    for (; word != end; word += 16) {
        sum = checksum_step(sum, word[0]);
        sum = checksum_step(sum, word[1]);
        sum = checksum_step(sum, word[2]);
        sum = checksum_step(sum, word[3]);
        sum = checksum_step(sum, word[4]);
        sum = checksum_step(sum, word[5]);
        sum = checksum_step(sum, word[6]);
        sum = checksum_step(sum, word[7]);
        sum = checksum_step(sum, word[8]);
        sum = checksum_step(sum, word[9]);
        sum = checksum_step(sum, word[10]);
        sum = checksum_step(sum, word[11]);
        sum = checksum_step(sum, word[12]);
        sum = checksum_step(sum, word[13]);
        sum = checksum_step(sum, word[14]);
        sum = checksum_step(sum, word[15]);
    }
    return (uint32_t)sum;
}
