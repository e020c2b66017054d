/* SPDX-License-Identifier: MIT */
/* What tickets knows: of each client (struct tickets_ssr of abi/tickets.toml), and how often each desk is on a tour. */
#ifndef SERVERS_TICKETS_STATE_H
#define SERVERS_TICKETS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/tickets.h"

/* Whether the client of this binding has joined. */
bool client_has_joined(uint32_t binding);
void client_set_joined(uint32_t binding, bool joined);

/* Plans a client's tour: from the desk that is on the fewest tours, `step` desks on each time. */
void tour_plan(struct tickets_ssr *ssr, uint64_t step);

/* A client's tour counts from now on, or no longer. */
void tours_add(const struct tickets_ssr *ssr);
void tours_remove(const struct tickets_ssr *ssr);

/* How often the most crowded desk of this tour is on tours. */
uint32_t tour_crowd(const struct tickets_ssr *ssr);

#endif
