/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C of whole words (SSE4.2's crc32 instruction; Castagnoli's polynomial, as in iSCSI, RFC 3720).
 *
 * Rule: the seed says where the bytes belong, so that right bytes in the wrong place are wrong. A checksum with
 * seed 0 over zeros is 0, so memory that was never written is valid.
 */
#ifndef FS_CHECKSUM_H
#define FS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC of `words` times 8 bytes at `bytes` (8-aligned), beginning with `seed`. */
static inline uint32_t checksum_words(uint32_t seed, const void *bytes, size_t words)
{
    const uint64_t *word = bytes;
    uint64_t crc = seed;

#pragma GCC unroll 8
    for (size_t index = 0; index < words; index++) {
        crc = __builtin_ia32_crc32di(crc, word[index]);
    }
    return (uint32_t)crc;
}

/* CRC of the 256 bytes of one chunk at any address; one instruction a word. */
static inline uint32_t checksum_chunk(uint32_t seed, const void *bytes)
{
    const uint8_t *byte = bytes;
    uint64_t crc = seed;

#pragma GCC unroll 32
    for (size_t index = 0; index < 32; index++) {
        uint64_t word;

        __builtin_memcpy(&word, byte + index * 8, 8);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    return (uint32_t)crc;
}

/* CRC of any number of bytes at any address. */
static inline uint32_t checksum_bytes(uint32_t seed, const void *bytes, size_t count)
{
    const uint8_t *byte = bytes;
    uint64_t crc = seed;

    for (; count >= 8; count -= 8, byte += 8) {
        uint64_t word;

        __builtin_memcpy(&word, byte, 8);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    for (; count > 0; count--, byte++) {
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *byte);
    }
    return (uint32_t)crc;
}

#endif
