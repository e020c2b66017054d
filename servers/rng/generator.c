/* SPDX-License-Identifier: MIT */
/* The generator of the rng service (generator.h says which). Rule: no memory but the caller's state. */
#include "generator.h"

static uint64_t rotate_left(uint64_t value, unsigned int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t splitmix64(uint64_t *position)
{
    uint64_t mixed = *position += 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

void generator_seed(uint64_t state[4], uint64_t seed)
{
    for (unsigned int index = 0; index < 4; index++) {
        state[index] = splitmix64(&seed);
    }
}

uint64_t generator_next(uint64_t state[4])
{
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}
