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

/* Begin the stream of `seed` anew. */
void stream_seed(struct rng_ssr *ssr, uint64_t seed);

/* Give a client that never called before its default stream, seeded by its binding number. */
void stream_ensure_seeded(struct rng_ssr *ssr, uint32_t binding);

/* Could this be what a committed transaction left? (The checksums, the kernel's business, held already.) */
bool stream_is_valid(const struct rng_ssr *ssr);

#endif
