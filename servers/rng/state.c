/* SPDX-License-Identifier: MIT */
/*
 * The per-client stream of rng. Rule: every field of the SSR is written here and nowhere else but in
 * ops.c's NEXT.
 */
#include "state.h"

#include "generator.h"

void stream_seed(struct rng_ssr *ssr, uint64_t seed)
{
    ssr->magic = RNG_MAGIC;
    ssr->seed = seed;
    ssr->drawn = 0;
    generator_seed(ssr->state, seed);
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

    if (ssr->reserved != 0) {
        return false;
    }
    if (ssr->magic == 0) {
        return any_state == 0 && ssr->seed == 0 && ssr->drawn == 0;
    }
    return ssr->magic == RNG_MAGIC && any_state != 0;
}
