/* SPDX-License-Identifier: MIT */
/* The generator of the rng service (generator.h says which). Rule: no memory but the caller's state. */
#include "generator.h"

struct position {
    uint64_t word[4];
};

static inline uint64_t rotate_left(uint64_t value, unsigned int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline uint64_t splitmix64(uint64_t *position)
{
    uint64_t mixed = *position += 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

/* One step of xoshiro256**; inlined, so that whoever confirms has instructions of its own. */
static inline __attribute__((always_inline)) uint64_t step(struct position *at)
{
    uint64_t result = rotate_left(at->word[1] * 5, 7) * 9;
    uint64_t shifted = at->word[1] << 17;

    at->word[2] ^= at->word[0];
    at->word[3] ^= at->word[1];
    at->word[1] ^= at->word[2];
    at->word[0] ^= at->word[3];
    at->word[2] ^= shifted;
    at->word[3] = rotate_left(at->word[3], 45);
    return result;
}

void generator_seed(uint64_t state[4], uint64_t seed)
{
    for (unsigned int index = 0; index < 4; index++) {
        state[index] = splitmix64(&seed);
    }
}

bool generator_confirm_seed(const uint64_t state[4], uint64_t seed)
{
    uint64_t difference = 0;

    for (unsigned int index = 0; index < 4; index++) {
        difference |= state[index] ^ splitmix64(&seed);
    }
    return difference == 0;
}

void generator_fill(uint64_t state[4], uint64_t *numbers, size_t count)
{
    struct position at = {{state[0], state[1], state[2], state[3]}};

    for (size_t index = 0; index < count; index++) {
        numbers[index] = step(&at);
    }
    for (unsigned int index = 0; index < 4; index++) {
        state[index] = at.word[index];
    }
}

bool generator_confirm(const uint64_t before[4], const uint64_t after[4], const uint64_t *numbers, size_t count)
{
    struct position at = {{before[0], before[1], before[2], before[3]}};
    uint64_t difference = 0;

    for (size_t index = 0; index < count; index++) {
        difference |= numbers[index] ^ step(&at);
    }
    for (unsigned int index = 0; index < 4; index++) {
        difference |= after[index] ^ at.word[index];
    }
    return difference == 0;
}
