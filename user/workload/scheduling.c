/* SPDX-License-Identifier: MIT */
/*
 * scheduling: the client's entries of the scheduler, attached, changed, read back and detached; one of them is the
 * client's own time.
 *
 * Rule: what is asked for can always be had, whatever other clients ask for: reservations are small. Nothing is digested
 * that depends on when it runs.
 */
#include <errno.h>
#include <stdint.h>

#include "perdure/domain.h"
#include "perdure/sched.h"
#include "perdure/slots.h"
#include "user/workload/client.h"

#define OWN           0 /* the entry of the client's own time */
#define ENTRIES       5
#define PERIOD_US     100000u
#define BUDGET_US     2000u /* at most, of each */
#define TICKETS_LIMIT 500u

static uint32_t contexts[ENTRIES];

/* As a C library function would answer. */
static int64_t answer(int64_t result)
{
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static int attach(struct client *client, uint32_t entry)
{
    uint32_t class = SCHED_INTERACTIVE + (uint32_t)client_random(client, SCHED_CLASSES - SCHED_INTERACTIVE);

    return client_reply(client, OP_SCHEDULE, answer(pd_sched_attach(entry, contexts[entry], class)), 0);
}

static void change(struct client *client, uint32_t entry)
{
    uint64_t budget_us = client_random(client, BUDGET_US);
    int64_t result;

    switch (client_random(client, 6)) {
    case 0:
        result = pd_sched_set_level(entry, (uint32_t)client_random(client, SCHED_LEVELS));
        break;
    case 1:
        result = pd_sched_set_tickets(entry, 1 + (uint32_t)client_random(client, TICKETS_LIMIT));
        break;
    case 2:
        result = pd_sched_set_reservation(entry, (uint32_t)budget_us, budget_us ? PERIOD_US : 0);
        break;
    case 3:
        result = pd_sched_call(SCHED_SET_CLASS, entry, client_random(client, SCHED_CLASSES), 0);
        break;
    case 4:
        result = pd_sched_yield(entry);
        break;
    default:
        client_reply(client, OP_SCHEDULE, answer(pd_sched_detach(entry)), 0);
        attach(client, entry);
        return;
    }
    client_reply(client, OP_SCHEDULE, answer(result), 0);
}

int variant_scheduling(struct client *client)
{
    contexts[OWN] = SLOT_SCHED_CONTEXT;
    for (uint32_t entry = 1; entry < ENTRIES; entry++) {
        contexts[entry] = pd_slot_take();
        if (pd_create_sched_context(SLOT_SELF_DOMAIN, contexts[entry]) != PD_OK) {
            return -1;
        }
    }
    for (uint32_t entry = 0; entry < ENTRIES; entry++) {
        attach(client, entry);
    }
    while (client->operations < client->operations_wanted) {
        uint32_t entry = (uint32_t)client_random(client, ENTRIES);
        struct pd_call call = {.word = {entry}};

        change(client, entry);
        if (client_reply(client, OP_SCHEDULE, answer(pd_portal_call(SLOT_SCHED, SCHED_GET, &call)), 0)) {
            client_data(client, &call.word[1], 2 * sizeof call.word[1]);
        }
    }
    pd_sched_call(SCHED_AUDIT, 0, 0, 0); /* differences are in the log */
    return 0;
}
