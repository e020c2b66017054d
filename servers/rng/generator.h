/* SPDX-License-Identifier: MIT */
/*
 * The generator: xoshiro256** 1.0 (D. Blackman, S. Vigna: "Scrambled linear pseudorandom number
 * generators", ACM TOMS 47, 2021), its state filled by splitmix64 (G. Steele, D. Lea, C. Flood: "Fast
 * splittable pseudorandom number generators", OOPSLA 2014), as its authors recommend.
 *
 * Rule: pure functions of the state given; the stream is fixed by the seed for all time.
 */
#ifndef SERVERS_RNG_GENERATOR_H
#define SERVERS_RNG_GENERATOR_H

#include <stdint.h>

/* Fill `state` from `seed` (any value). The state is never all zero. */
void generator_seed(uint64_t state[4], uint64_t seed);

/* The next number of the stream; moves `state` on. */
uint64_t generator_next(uint64_t state[4]);

#endif
