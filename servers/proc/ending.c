/* SPDX-License-Identifier: MIT */
/* How processes end. Rule: ending.h. */
#include "ending.h"

#include "alarms.h"
#include "perdure/domain.h"
#include "signals.h"
#include "waiters.h"

struct proc_process *ending_expected(uint32_t binding)
{
    struct service_binding each;

    for (uint32_t index = 0; service_enumerate(index, &each) == PD_OK; index++) {
        if (each.binding == binding) {
            return process_expected((uint32_t)each.badge);
        }
    }
    return NULL;
}

/* Children that have ended already are waited for by nobody any more. */
static void orphan(uint32_t parent)
{
    struct proc_process *table = proc_region()->processes;

    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        if (table[place].state == PROC_STATE_FREE || table[place].parent != parent) {
            continue;
        }
        table[place].parent = PROC_INIT;
        if (table[place].state == PROC_STATE_ENDED) {
            process_forget(&table[place]);
        }
    }
}

void process_end(struct proc_process *process)
{
    struct proc_process *parent = process_find(process->parent);

    waiters_forget(process);
    alarms_forget(process);
    process_release(process, process->reads, process->writes, process->offsets);
    orphan(process->number);
    if (!parent) {
        process_forget(process);
        return;
    }
    process->state = PROC_STATE_ENDED;
    process->binding = 0;
    process->token = 0;
    process->pending = 0;
    signal_send(parent, SIGNAL_CHLD);
}
