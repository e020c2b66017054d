/* SPDX-License-Identifier: MIT */
/*
 * What echo knows: a counter per client in its SSR, and how far each ordered fault has come.
 *
 * Rule: the SSR obeys the rule of all servers. The fault plan is the one exception in the system: it must
 * survive the very crashes it orders, so it lies in scratch memory, which a restart leaves as it is.
 */
#ifndef SERVERS_ECHO_STATE_H
#define SERVERS_ECHO_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/echo.h"

#define FAULT_PLAN_CLIENTS 64

/* One client's order (clients share an entry modulo FAULT_PLAN_CLIENTS, which tests avoid). */
struct fault_order {
    uint64_t kind;
    uint64_t times;
    uint64_t tries;
};

struct fault_plan {
    struct fault_order orders[FAULT_PLAN_CLIENTS];
    uint32_t recovery_binding; /* recovery faults while this client's SSR is open, 0: none */
    uint32_t recovery_always;  /* recovery faults at once */
    uint64_t recovery_times;   /* so many times more, 0: always */
};

extern struct fault_plan fault_plan;

/* False in the copy of echo that runs without SSRs (echo0). */
extern bool state_has_ssr;

/* Ask the kernel which of the two this is. */
void state_find_identity(void);

/* Note another try of the order (kind, times) of `binding`; returns which try it is, from 1. */
uint64_t fault_plan_try(uint32_t binding, uint64_t kind, uint64_t times);

/* Forget the order of `binding`. */
void fault_plan_done(uint32_t binding);

/* Fault now if an order says that recovery does; open_binding: whose SSR is open, 0 for none. */
void fault_plan_recovery(uint32_t open_binding);

#endif
