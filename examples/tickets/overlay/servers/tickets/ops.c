/* SPDX-License-Identifier: MIT */
/* The operations of tickets (abi/tickets.toml). */
#include "servers/common/server.h"

#include "abi/posix_errno.h"
#include "abi/rng.h"
#include "state.h"

static int64_t join(struct request *request)
{
    struct tickets_ssr *ssr = server_ssr();

    if (request->words[0] < 1 || request->words[0] > TICKETS_COINS_MAXIMUM) {
        return -PE_INVAL;
    }
    if (client_has_joined(request->binding)) {
        return -PE_EXIST;
    }
    ssr->coins = (uint32_t)request->words[0];
    tour_plan(ssr, request->words[0]);
    tours_add(ssr);
    client_set_joined(request->binding, true);
    return (int64_t)ssr->tour[0];
}

static int64_t buy(struct request *request)
{
    struct tickets_ssr *ssr = server_ssr();
    struct service_result drawn;
    uint64_t one[4] = {1};

    if (!client_has_joined(request->binding)) {
        return -PE_ACCES;
    }
    if (ssr->coins == 0) {
        return -PE_NOSPC;
    }
    drawn = service_invoke(SLOT_RNG, RNG_NEXT, one, 0, 0);
    if (drawn.status != PD_OK || drawn.words[0] != 0) {
        return -PE_IO;
    }
    ssr->coins--;
    ssr->bought++;
    ssr->ticket = drawn.words[1] % TICKETS_NUMBERS;
    return (int64_t)ssr->ticket;
}

int64_t service_call(struct request *request)
{
    switch (request->operation) {
    case TICKETS_JOIN:
        return join(request);
    case TICKETS_BUY:
        return buy(request);
    case TICKETS_WAITING:
        return client_has_joined(request->binding) ? (int64_t)tour_crowd(server_ssr()) : -PE_ACCES;
    default:
        return -PE_NOSYS;
    }
}
