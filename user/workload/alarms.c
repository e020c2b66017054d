/* SPDX-License-Identifier: MIT */
/*
 * alarms: the client's alarms of the timer service, set for times that are drawn from its own generator and
 * waited for.
 *
 * Rule: the clock is read only to place deadlines and to see that none comes early; the digest is of which
 * alarm came, how often it had expired, and in which order, and those follow from the deadlines alone.
 */
#include <errno.h>
#include <stdint.h>

#include "abi/timer.h"
#include "perdure/boot.h"
#include "perdure/portal.h"
#include "user/workload/client.h"

#define BATCH       8       /* alarms that are set together */
#define STEP_NS     300007u /* between two deadlines */
#define LATEST_STEP 40u

/* As a C library function would answer. */
static int64_t answer(int64_t result)
{
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

/* Set the alarms of a batch to different deadlines after `start_ns`; steps[] are theirs. */
static void set_batch(struct client *client, uint64_t start_ns, uint64_t *steps)
{
    uint64_t used = 0;

    for (unsigned alarm = 0; alarm < BATCH; alarm++) {
        struct pd_call call;

        do {
            steps[alarm] = 1 + client_random(client, LATEST_STEP);
        } while (used >> steps[alarm] & 1);
        used |= (uint64_t)1 << steps[alarm];
        call = (struct pd_call){.word = {alarm, start_ns + steps[alarm] * STEP_NS, 0, TIMER_ABSOLUTE}};
        client_reply(client, OP_ALARM, answer(pd_portal_call(SLOT_TIMER, TIMER_SET, &call)), 0);
    }
}

int variant_alarms(struct client *client)
{
    while (client->operations < client->operations_wanted) {
        uint64_t start_ns = pd_now_ns();
        uint64_t steps[BATCH];

        set_batch(client, start_ns, steps);
        for (unsigned turn = 0; turn < BATCH; turn++) {
            struct pd_call call = {.word = {(1u << BATCH) - 1, 0, 0, 0}};
            int64_t alarm = answer(pd_portal_call(SLOT_TIMER, TIMER_WAIT, &call));

            if (!client_reply(client, OP_ALARM, alarm, 0) || alarm >= BATCH) {
                continue;
            }
            client_data(client, &call.word[1], sizeof call.word[1]);
            if (call.word[1] != 1 || pd_now_ns() < start_ns + steps[alarm] * STEP_NS) {
                client_wrong(client, "expiration", "an alarm");
            }
        }
    }
    return 0;
}
