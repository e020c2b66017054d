/* SPDX-License-Identifier: MIT */
/* numbers: the client's stream of the random number service, seeded by its own seed. Rule: the digest is of every number. */
#include <errno.h>
#include <stdint.h>

#include "abi/rng.h"
#include "perdure/portal.h"
#include "user/workload/client.h"

#define CALL_NUMBERS_MAXIMUM 64

/* As a C library function would answer. */
static int64_t answer(int64_t result)
{
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

int variant_numbers(struct client *client)
{
    struct pd_call call = {.word = {client_random(client, UINT64_MAX), 0, 0, 0}};

    client_reply(client, OP_NUMBERS, answer(pd_portal_call(SLOT_RNG, RNG_SEED, &call)), 0);
    while (client->operations < client->operations_wanted) {
        uint64_t count = 1 + client_random(client, CALL_NUMBERS_MAXIMUM);
        int64_t result;

        call = (struct pd_call){.word = {count, 0, 0, 0}};
        result = answer(pd_portal_call(SLOT_RNG, RNG_NEXT, &call));
        if (client_reply(client, OP_NUMBERS, result, 0)) {
            client_data(client, pd_message(), count * sizeof(uint64_t));
        }
    }
    return 0;
}
