/* SPDX-License-Identifier: MIT */
/* Notifications: 64 bits that are set asynchronously and waited for. Rule: bits taken are cleared. */
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

/* Take bits of `mask` without waiting. */
static inline int64_t pd_poll(uint32_t notification, uint64_t mask, uint64_t *bits)
{
    struct pd_call call = {.word = {mask, 0, 0, 0}};
    int64_t status = pd_invoke(notification, NOTIFICATION_POLL, &call);

    *bits = status == PD_OK ? call.word[0] : 0;
    return status;
}

#endif
