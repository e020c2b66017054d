/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4). Rule: pure; the state is the caller's. */
#ifndef USER_SHA256_HASH_H
#define USER_SHA256_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_BLOCK_BYTES 64

struct sha256 {
    uint32_t state[8];
    uint64_t bytes; /* taken in so far */
    uint8_t block[SHA256_BLOCK_BYTES];
};

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t bytes);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]);

#endif
