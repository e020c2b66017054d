/* SPDX-License-Identifier: MIT */
/* The tables of tickets (state.h). */
#include "state.h"

#define CLIENTS 64

static bool joined[CLIENTS];
static uint32_t stops_at[TICKETS_DESKS];

bool client_has_joined(uint32_t binding)
{
    return joined[binding % CLIENTS];
}

void client_set_joined(uint32_t binding, bool has_joined)
{
    joined[binding % CLIENTS] = has_joined;
}

void tour_plan(struct tickets_ssr *ssr, uint64_t step)
{
    uint64_t desk = 0;

    for (uint64_t other = 1; other < TICKETS_DESKS; other++) {
        if (stops_at[other] < stops_at[desk]) {
            desk = other;
        }
    }
    for (uint32_t stop = 0; stop < TICKETS_STOPS; stop++, desk += step) {
        ssr->tour[stop] = desk % TICKETS_DESKS;
    }
}

void tours_add(const struct tickets_ssr *ssr)
{
    for (uint32_t stop = 0; stop < TICKETS_STOPS; stop++) {
        stops_at[ssr->tour[stop]]++;
    }
}

void tours_remove(const struct tickets_ssr *ssr)
{
    for (uint32_t stop = 0; stop < TICKETS_STOPS; stop++) {
        stops_at[ssr->tour[stop]]--;
    }
}

uint32_t tour_crowd(const struct tickets_ssr *ssr)
{
    uint32_t most = 0;

    for (uint32_t stop = 0; stop < TICKETS_STOPS; stop++) {
        if (stops_at[ssr->tour[stop]] > most) {
            most = stops_at[ssr->tour[stop]];
        }
    }
    return most;
}
