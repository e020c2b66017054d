/* SPDX-License-Identifier: MIT */
/* Calls of the process service. Rule: proc.h. */
#include "newlib/proc.h"
#include "newlib/signals.h"

uint32_t glue_process;
uint32_t glue_parent;

int64_t glue_proc_start(uint32_t token, uint64_t *signals)
{
    struct pd_call call = {.word = {token, 0, 0, 0}};
    int64_t result;

    glue_signal_notification();
    pd_send_capability(&call, SLOT_SELF_DOMAIN, RIGHT_USE | RIGHT_MANAGE, 0, 0);
    pd_send_capability(&call, SLOT_NOTIFICATION, RIGHT_WRITE, 0, 0);
    result = pd_portal_call(SLOT_PROC, PROC_START, &call);
    if (result < 0) {
        return result;
    }
    glue_process = (uint32_t)result;
    glue_parent = (uint32_t)call.word[1];
    *signals = call.word[3];
    return 0;
}

int64_t glue_proc_ready(void)
{
    uint64_t signals;

    return glue_process ? 0 : glue_proc_start(0, &signals);
}

int64_t glue_proc_call(uint32_t operation, struct pd_call *call)
{
    int64_t result = glue_proc_ready();

    return result < 0 ? result : pd_portal_call(SLOT_PROC, operation, call);
}

int64_t glue_proc(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2)
{
    struct pd_call call = {.word = {word_0, word_1, word_2, 0}};

    return glue_proc_call(operation, &call);
}
