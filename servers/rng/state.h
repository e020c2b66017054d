/* SPDX-License-Identifier: MIT */
/*
 * What rng knows of a client: its stream, in the client's SSR (struct rng_ssr of abi/rng.toml).
 *
 * Rule: the SSR is all there is. rng has no memory between calls, so recovery has nothing to rebuild, only
 * to check.
 */
#ifndef SERVERS_RNG_STATE_H
#define SERVERS_RNG_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/rng.h"

/* Codes of the panics, as the fault record shows them. */
enum rng_panic_code {
    RNG_PANIC_NUMBERS = 0x726e0001, /* numbers or the stream after them were not confirmed */
    RNG_PANIC_SEED                  /* the stream of a seed was not */
};

/* Begin the stream of `seed` anew. */
void stream_seed(struct rng_ssr *ssr, uint64_t seed);

/* Give a client that never called before its default stream, seeded by its binding number. */
void stream_ensure_seeded(struct rng_ssr *ssr, uint32_t binding);

/* The checksum is made to be that of the rest, and: it is. A stream that was never seeded is sealed. */
void stream_seal(struct rng_ssr *ssr);
bool stream_is_sealed(const struct rng_ssr *ssr);

/* Could this be what a committed transaction left? (The checksums, the kernel's business, held already.) */
bool stream_is_valid(const struct rng_ssr *ssr);

#endif
