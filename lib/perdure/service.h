/* SPDX-License-Identifier: MIT */
/*
 * Services as their makers, clients and supervisors see them. What the service itself may do is in
 * servers/common.
 *
 * Rule: `service` is a slot of the caller. All return PD_OK or a negative PD_* code; commands that the stage
 * forbids answer PD_BAD_STAGE and change nothing.
 */
#ifndef PERDURE_SERVICE_H
#define PERDURE_SERVICE_H

#include "perdure/syscall.h"

/* ---- Making (RIGHT_MANAGE) ---- */

/* kind SEGMENT_*; pristine bytes come from the caller's `memory` (0 for none), `data_bytes` from `first_page` on. */
static inline int64_t pd_service_add_segment(uint32_t service, uint64_t address, uint64_t pages, uint64_t kind,
                                             uint32_t memory, uint64_t first_page, uint64_t data_bytes)
{
    return pd_invoke_6(service, SERVICE_ADD_SEGMENT, address, pages, kind, memory, first_page, data_bytes);
}

static inline int64_t pd_service_set_entries(uint32_t service, uint64_t fresh, uint64_t recovered,
                                             uint64_t stack_top)
{
    return pd_invoke_4(service, SERVICE_SET_ENTRIES, fresh, recovered, stack_top, 0);
}

/* The table of struct ssr_range is in the caller's message page; target 0 client regions, 1 the service region. */
static inline int64_t pd_service_set_ranges(uint32_t service, uint64_t count, uint64_t target)
{
    return pd_invoke_4(service, SERVICE_SET_RANGES, count, target, 0, 0);
}

static inline int64_t pd_service_start(uint32_t service)
{
    return pd_invoke_4(service, SERVICE_START, 0, 0, 0, 0);
}

static inline int64_t pd_service_bind_notification(uint32_t service, uint32_t notification)
{
    return pd_invoke_4(service, SERVICE_BIND_NOTIFICATION, notification, 0, 0, 0);
}

/* ---- Binding clients (RIGHT_GRANT; unbinding RIGHT_MANAGE) ---- */

/* Bind the domain in slot `client`; its portal appears in its slot `portal_slot`. */
static inline int64_t pd_service_bind(uint32_t service, uint32_t client, uint32_t portal_slot, uint64_t badge,
                                      uint64_t *binding)
{
    struct pd_call call = {.word = {client, portal_slot, badge, 0}};
    int64_t status = pd_invoke(service, SERVICE_BIND, &call);

    *binding = call.word[0];
    return status;
}

static inline int64_t pd_service_unbind(uint32_t service, uint64_t binding)
{
    return pd_invoke_4(service, SERVICE_UNBIND, binding, 0, 0, 0);
}

/* ---- Supervising (RIGHT_SUPERVISE) ---- */

/* End the current incarnation from outside. */
static inline int64_t pd_service_crash(uint32_t service)
{
    return pd_invoke_4(service, SERVICE_CRASH, 0, 0, 0, 0);
}

/* The heartbeat: have it look at itself (EVENT_CHECK). One that has not done so since it was asked last is ended. */
static inline int64_t pd_service_check(uint32_t service)
{
    return pd_invoke_4(service, SERVICE_CHECK, 0, 0, 0, 0);
}

/* stage STAGE_*, incarnation from 1, restarts and bindings now. */
static inline int64_t pd_service_stats(uint32_t service, uint64_t *stage, uint64_t *incarnation,
                                       uint64_t *restarts, uint64_t *bindings)
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(service, SERVICE_STATS, &call);

    *stage = call.word[0];
    *incarnation = call.word[1];
    *restarts = call.word[2];
    *bindings = call.word[3];
    return status;
}

/* What the service has used is put into the message page as struct service_usage. */
static inline int64_t pd_service_usage(uint32_t service)
{
    return pd_invoke_4(service, SERVICE_USAGE, 0, 0, 0, 0);
}

/* The recovery trace of `index` (0 is the latest) is put into the message page as struct recovery_record. */
static inline int64_t pd_service_trace(uint32_t service, uint64_t index)
{
    return pd_invoke_4(service, SERVICE_TRACE, index, 0, 0, 0);
}

/* Signal `bits` of the caller's `notification` when an incarnation ends. */
static inline int64_t pd_service_set_supervisor(uint32_t service, uint32_t notification, uint64_t bits)
{
    return pd_invoke_4(service, SERVICE_SET_SUPERVISOR, notification, bits, 0, 0);
}

#endif
