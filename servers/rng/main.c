/* SPDX-License-Identifier: MIT */
/*
 * rng: one stream of pseudo-random numbers per client, the same with and without crashes.
 *
 * A client's stream (xoshiro256**, generator.h) lives in its SSR of 256 bytes; each NEXT moves it on in the
 * transaction that hands the numbers out, so no number is given twice or skipped, whatever happens to the
 * server. A client that never calls SEED has its binding number as seed. Not for secrets: the stream
 * follows from the seed.
 *
 * Rule: ops.c serves, state.c knows the SSR, recover.c checks all SSRs; there is nothing else.
 */
#include "servers/common/server.h"

/* No client is bound yet and rng has no state of its own. */
void service_start_fresh(void)
{
}

/* No notification is bound to rng: an event can only be a protocol error of its surroundings. */
void service_event(uint64_t bits)
{
    server_log("rng: unexpected event %lx", bits);
}

/* The stream ends with its SSR. */
void service_unbind(struct request *request)
{
    (void)request;
}
