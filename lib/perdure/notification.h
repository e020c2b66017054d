/* SPDX-License-Identifier: MIT */
/* Notifications: 64 bits that are set asynchronously and waited for, or semaphores. Rule: what is taken is gone. */
#ifndef PERDURE_NOTIFICATION_H
#define PERDURE_NOTIFICATION_H

#include "perdure/syscall.h"

static inline int64_t pd_signal(uint32_t notification, uint64_t bits)
{
    return pd_invoke_4(notification, NOTIFICATION_SIGNAL, bits, 0, 0, 0);
}

/* Wait for bits of `mask`; deadline_ns after power-on, 0 for none (then PD_TIMEOUT never comes). */
static inline int64_t pd_wait(uint32_t notification, uint64_t mask, uint64_t deadline_ns, uint64_t *bits)
{
    struct pd_call call = {.word = {mask, deadline_ns, 0, 0}};
    int64_t status = pd_invoke(notification, NOTIFICATION_WAIT, &call);

    *bits = status == PD_OK ? call.word[0] : 0;
    return status;
}

/* Of a semaphore: add units, at most SEMAPHORE_STEP; PD_TOO_LARGE if it cannot hold them. */
static inline int64_t pd_semaphore_post(uint32_t semaphore, uint64_t units)
{
    return pd_invoke_4(semaphore, NOTIFICATION_SIGNAL, units, 0, 0, 0);
}

/* Of a semaphore: take a unit; deadline_ns as for pd_wait. */
static inline int64_t pd_semaphore_take(uint32_t semaphore, uint64_t deadline_ns)
{
    return pd_invoke_4(semaphore, NOTIFICATION_WAIT, 1, deadline_ns, 0, 0);
}

/* Take bits of `mask` without waiting. */
static inline int64_t pd_poll(uint32_t notification, uint64_t mask, uint64_t *bits)
{
    struct pd_call call = {.word = {mask, 0, 0, 0}};
    int64_t status = pd_invoke(notification, NOTIFICATION_POLL, &call);

    *bits = status == PD_OK ? call.word[0] : 0;
    return status;
}

#endif
