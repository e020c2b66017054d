/* SPDX-License-Identifier: MIT */
/*
 * tickets NAME [-n OPERATIONS] [-s SEED] [-y]: a client of the lottery, for campaigns.
 *
 * Rule: what it does and what it is answered follow from its arguments and its place among the clients alone. At its end
 * it prints a line with a digest of every answer.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/tickets.h"
#include "perdure/names.h"
#include "perdure/portal.h"

#define FNV_START 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

static uint64_t digest = FNV_START;
static uint64_t operations, errors;

static void ask(uint32_t slot, uint32_t operation, uint64_t word, int yields)
{
    struct pd_call call = {.word = {word}};
    int64_t answer = pd_portal_call(slot, operation, &call);

    digest = (digest ^ (uint64_t)answer) * FNV_PRIME;
    digest ^= digest >> 32;
    operations++;
    errors += answer < 0;
    if (yields) {
        pd_yield();
    }
}

int main(int argument_count, char **arguments)
{
    uint64_t wanted = 40, seed = 1;
    int option, yields = 0;
    int64_t slot = pd_find_service("tickets");

    while (argument_count > 1 && (option = getopt(argument_count - 1, arguments + 1, "n:s:y")) != -1) {
        switch (option) {
        case 'n':
            wanted = strtoull(optarg, NULL, 10);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'y':
            yields = 1;
            break;
        default:
            return 2;
        }
    }
    if (argument_count < 2 || slot < 0) {
        fputs("usage: tickets NAME [-n OPERATIONS] [-s SEED] [-y], where there is a lottery\n", stderr);
        return 2;
    }
    ask((uint32_t)slot, TICKETS_JOIN, 1 + wanted % TICKETS_COINS_MAXIMUM, yields);
    while (operations < wanted) {
        ask((uint32_t)slot, (operations + seed) % 3 ? TICKETS_BUY : TICKETS_WAITING, 0, yields);
    }
    printf("client %s operations=%" PRIu64 " errors=%" PRIu64 " digest=%016" PRIx64 "\n", arguments[1], operations, errors,
           digest);
    return errors != 0;
}
