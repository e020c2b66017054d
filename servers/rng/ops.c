/* SPDX-License-Identifier: MIT */
/*
 * The operations of rng (abi/rng.toml). Rule: all that can be refused is refused before the SSR is written.
 */
#include "servers/common/server.h"

#include "abi/posix_errno.h"
#include "generator.h"
#include "state.h"

static int64_t draw(struct request *request)
{
    struct rng_ssr *ssr = server_ssr();
    uint64_t *numbers = server_message();
    uint64_t count = request->words[0];

    if (count < 1 || count > RNG_NUMBERS_MAXIMUM) {
        return -PE_INVAL;
    }
    stream_ensure_seeded(ssr, request->binding);
    for (uint64_t index = 0; index < count; index++) {
        numbers[index] = generator_next(ssr->state);
    }
    ssr->drawn += count;
    request->reply[1] = numbers[0];
    request->reply_bytes = (uint32_t)(count * sizeof(uint64_t));
    return 0;
}

int64_t service_call(struct request *request)
{
    switch (request->operation) {
    case RNG_SEED:
        stream_seed(server_ssr(), request->words[0]);
        return 0;
    case RNG_NEXT:
        return draw(request);
    default:
        return -PE_NOSYS;
    }
}
