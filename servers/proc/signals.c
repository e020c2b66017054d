/* SPDX-License-Identifier: MIT */
/* Signals. Rule: signals.h. */
#include "signals.h"

#include "perdure/domain.h"
#include "perdure/notification.h"

/* Nothing happens by default. Processes cannot be stopped, so what would stop one, or go on with it, is among these. */
#define NO_EFFECT                                                                                                   \
    (1u << SIGNAL_CHLD | 1u << SIGNAL_CONT | 1u << SIGNAL_URG | 1u << SIGNAL_WINCH | 1u << SIGNAL_STOP |            \
     1u << SIGNAL_TSTP | 1u << SIGNAL_TTIN | 1u << SIGNAL_TTOU)

void signals_deliver_later(void)
{
    pd_invoke_4(SLOT_NOTIFICATION, NOTIFICATION_SIGNAL, EVENT_SERVE, 0, 0, 0);
}

static void end_by(struct proc_process *process, uint32_t number)
{
    process->state = PROC_STATE_ENDING;
    process->status = number;
    signals_deliver_later();
}

void signal_send(struct proc_process *process, uint32_t number)
{
    uint32_t bit = 1u << number;

    if (process->state == PROC_STATE_ENDING || process->state == PROC_STATE_ENDED) {
        return;
    }
    if (number == SIGNAL_KILL) {
        end_by(process, number);
    } else if (process->ignored & bit) {
        return;
    } else if (process->caught & bit) {
        process->pending |= bit;
        if (signals_due(process)) {
            signals_deliver_later();
        }
    } else if (NO_EFFECT & bit) {
        return;
    } else if (process->blocked & bit) {
        process->pending |= bit;
    } else {
        end_by(process, number);
    }
}

uint32_t signal_send_group(uint32_t group, uint32_t number)
{
    struct proc_process *table = proc_region()->processes;
    uint32_t count = 0;

    for (uint32_t place = 0; group && place < PROC_PROCESSES; place++) {
        if (table[place].group == group && table[place].state != PROC_STATE_FREE) {
            count++;
            if (number) {
                signal_send(&table[place], number);
            }
        }
    }
    return count;
}

void signals_changed(struct proc_process *process)
{
    uint32_t unwanted = process->pending & ~process->caught;

    process->pending &= ~(unwanted & (process->ignored | NO_EFFECT));
    unwanted &= ~(process->ignored | NO_EFFECT | process->blocked);
    if (unwanted) {
        end_by(process, (uint32_t)__builtin_ctz(unwanted));
    }
    if (signals_due(process)) {
        signals_deliver_later();
    }
}

/* The process is gone, or has never shown its domain: then there is nothing to do here. */
void signals_deliver(void)
{
    struct proc_process *table = proc_region()->processes;

    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        const struct proc_process *process = &table[place];

        if (process->state == PROC_STATE_ENDING && process->binding &&
            service_use(process->binding, PROC_KEEP_DOMAIN, 0) == PD_OK) {
            pd_kill(SLOT_USED);
        } else if (process->state == PROC_STATE_RUNNING && signals_due(process) &&
                   service_use(process->binding, PROC_KEEP_NOTIFICATION, 0) == PD_OK) {
            pd_signal(SLOT_USED, 1);
        }
    }
}
