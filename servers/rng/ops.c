/* SPDX-License-Identifier: MIT */
/*
 * The operations of rng (abi/rng.toml). Rule: all that can be refused is refused before the SSR is written, and what was
 * computed is confirmed before it is answered; what is not confirmed ends the incarnation, which takes the call back.
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
    struct rng_ssr before;

    if (count < 1 || count > RNG_NUMBERS_MAXIMUM) {
        return -PE_INVAL;
    }
    stream_ensure_seeded(ssr, request->binding);
    before = *ssr;
    generator_fill(ssr->state, numbers, count);
    ssr->drawn += count;
    stream_seal(ssr);
    request->reply[1] = numbers[0];
    request->reply_bytes = (uint32_t)(count * sizeof(uint64_t));
    if (!stream_is_sealed(&before) || !stream_is_sealed(ssr) || ssr->drawn - before.drawn != request->words[0] ||
        !generator_confirm(before.state, ssr->state, numbers, request->words[0])) {
        server_panic(RNG_PANIC_NUMBERS);
    }
    return 0;
}

static int64_t seed(struct request *request)
{
    struct rng_ssr *ssr = server_ssr();

    stream_seed(ssr, request->words[0]);
    if (!stream_is_sealed(ssr) || ssr->drawn != 0 || !generator_confirm_seed(ssr->state, request->words[0])) {
        server_panic(RNG_PANIC_SEED);
    }
    return 0;
}

int64_t service_call(struct request *request)
{
    switch (request->operation) {
    case RNG_SEED:
        return seed(request);
    case RNG_NEXT:
        return draw(request);
    default:
        return -PE_NOSYS;
    }
}
