/* SPDX-License-Identifier: MIT */
/*
 * The per-client stream of rng. Rule: every field of the SSR is written here and nowhere else but in
 * ops.c's NEXT.
 */
#include "state.h"

#include <stddef.h>

#include "generator.h"

#define CHECKED_WORDS (offsetof(struct rng_ssr, check) / sizeof(uint64_t))

/* CRC-32C; 0 of a stream that was never seeded, which is all zero. */
static inline uint64_t checksum(const struct rng_ssr *ssr)
{
    const uint64_t *word = (const uint64_t *)ssr;
    uint64_t sum = 0;

    for (size_t index = 0; index < CHECKED_WORDS; index++) {
        sum = __builtin_ia32_crc32di(sum, word[index]);
    }
    return sum;
}

void stream_seal(struct rng_ssr *ssr)
{
    ssr->check = checksum(ssr);
}

bool stream_is_sealed(const struct rng_ssr *ssr)
{
    return ssr->check == checksum(ssr);
}

void stream_seed(struct rng_ssr *ssr, uint64_t seed)
{
    ssr->magic = RNG_MAGIC;
    ssr->seed = seed;
    ssr->drawn = 0;
    generator_seed(ssr->state, seed);
    stream_seal(ssr);
}

void stream_ensure_seeded(struct rng_ssr *ssr, uint32_t binding)
{
    if (ssr->magic == 0) {
        stream_seed(ssr, binding);
    }
}

bool stream_is_valid(const struct rng_ssr *ssr)
{
    uint64_t any_state = ssr->state[0] | ssr->state[1] | ssr->state[2] | ssr->state[3];

    if (ssr->reserved != 0 || !stream_is_sealed(ssr)) {
        return false;
    }
    if (ssr->magic == 0) {
        return any_state == 0 && ssr->seed == 0 && ssr->drawn == 0;
    }
    return ssr->magic == RNG_MAGIC && any_state != 0;
}
