/* SPDX-License-Identifier: MIT */
/*
 * The generator: xoshiro256** 1.0 (D. Blackman, S. Vigna: "Scrambled linear pseudorandom number
 * generators", ACM TOMS 47, 2021), its state filled by splitmix64 (G. Steele, D. Lea, C. Flood: "Fast
 * splittable pseudorandom number generators", OOPSLA 2014), as its authors recommend.
 *
 * Rule: pure functions of the state given; the stream is fixed by the seed for all time. What one function computes another
 * confirms, in code of its own, so that neither a faulty value nor a faulty instruction in one of them goes unseen.
 */
#ifndef SERVERS_RNG_GENERATOR_H
#define SERVERS_RNG_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fill `state` from `seed` (any value). The state is never all zero. */
void generator_seed(uint64_t state[4], uint64_t seed);

/* Whether `state` is what generator_seed makes of `seed`. */
bool generator_confirm_seed(const uint64_t state[4], uint64_t seed);

/* The next `count` numbers of the stream; moves `state` on. */
void generator_fill(uint64_t state[4], uint64_t *numbers, size_t count);

/* Whether the `count` numbers after `before` are these, and the state after them is `after`. */
bool generator_confirm(const uint64_t before[4], const uint64_t after[4], const uint64_t *numbers, size_t count);

#endif
