/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eight lanes take in 64 bytes at a time: to each lane is added the product of the halves of (data xor key)
 * and, so that no data vanish in a product with zero, the data of its neighbour. (This accumulation is that
 * of XXH3, Y. Collet, chosen because every host's vector unit has the multiplication; keys, folding and sums
 * are other.) Keys differ from stripe to stripe, so that stripes that change places are seen.
 */
#include "digest.h"

#include <string.h>

enum { LANES = 8, STRIPE_BYTES = LANES * 8, STRIPES = DIGEST_PAGE_BYTES / STRIPE_BYTES };

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93ull;
    value ^= value >> 29;
    value *= 0xa0761d6478bd642full;
    return value ^ (value >> 32);
}

static const uint64_t *stripe_keys(void)
{
    static uint64_t keys[STRIPES + LANES];

    if (keys[0] == 0) {
        for (unsigned i = STRIPES + LANES; i-- > 0;) {
            keys[i] = mix(0x9e3779b97f4a7c15ull * (i + 1));
        }
    }
    return keys;
}

/* Vectorised at this level of optimisation. */
__attribute__((optimize("O3"))) static void accumulate(uint64_t *restrict lanes, const uint8_t *restrict page,
                                                       const uint64_t *restrict keys)
{
    for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
        uint64_t data[LANES];

        memcpy(data, page + stripe * STRIPE_BYTES, sizeof(data));
        for (unsigned i = 0; i < LANES; i++) {
            uint64_t keyed = data[i] ^ keys[stripe + i];

            lanes[i] += (keyed & 0xffffffff) * (keyed >> 32) + data[i ^ 1];
        }
    }
}

struct digest digest_page(const uint8_t *page)
{
    uint64_t lanes[LANES] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct digest digest = {{0x27d4eb2f165667c5ull, 0x85ebca77c2b2ae63ull}};

    accumulate(lanes, page, stripe_keys());
    for (unsigned i = 0; i < LANES; i++) {
        digest.word[0] = mix(digest.word[0] + lanes[i]);
        digest.word[1] = mix(digest.word[1] ^ (lanes[i] << 32 | lanes[i] >> 32)) + i;
    }
    return digest;
}

void digest_add(struct digest *sum, uint64_t place, struct digest part)
{
    sum->word[0] += mix(part.word[0] ^ mix(place + 1));
    sum->word[1] += mix(part.word[1] + mix(~place));
}

struct digest digest_bytes(const uint8_t *bytes, uint64_t length_bytes)
{
    struct digest sum = {{length_bytes, ~length_bytes}};
    uint64_t offset = 0;

    for (; offset + DIGEST_PAGE_BYTES <= length_bytes; offset += DIGEST_PAGE_BYTES) {
        digest_add(&sum, offset, digest_page(bytes + offset));
    }
    if (offset < length_bytes) {
        uint8_t last[DIGEST_PAGE_BYTES] = {0};

        memcpy(last, bytes + offset, (size_t)(length_bytes - offset));
        digest_add(&sum, offset, digest_page(last));
    }
    return sum;
}

bool digest_equal(const struct digest *one, const struct digest *other)
{
    return one->word[0] == other->word[0] && one->word[1] == other->word[1];
}
