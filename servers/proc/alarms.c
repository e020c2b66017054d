/* SPDX-License-Identifier: MIT */
/* Alarms of processes. Rule: alarms.h. */
#include "alarms.h"

#include "perdure/boot.h"
#include "signals.h"

#define NONE UINT64_MAX

static uint64_t first_ns = NONE; /* recovery has alarms_expire() find it again */

static struct proc_alarm *alarms_of(const struct proc_process *process)
{
    return &proc_region()->alarms[place_of(process) * PROC_ALARMS];
}

uint64_t alarms_first_ns(void)
{
    return first_ns;
}

static void tell(const struct proc_alarm *alarm, struct request *request)
{
    request->reply[1] = alarm->due_ns;
    request->reply[2] = alarm->period_ns;
    request->reply[3] = alarm->overruns;
}

int64_t alarm_set(const struct proc_process *self, struct request *request)
{
    const uint64_t *words = request->words;
    struct proc_alarm *alarm;

    if (words[0] >= PROC_ALARMS || words[1] > PROC_TIME_MAXIMUM || words[2] > PROC_TIME_MAXIMUM ||
        words[3] >= PROC_SIGNAL_LIMIT) {
        return -PE_INVAL;
    }
    alarm = &alarms_of(self)[words[0]];
    tell(alarm, request);
    *alarm = (struct proc_alarm){.due_ns = words[1], .period_ns = words[1] ? words[2] : 0, .signal = (uint32_t)words[3]};
    if (alarm->due_ns && alarm->due_ns < first_ns) {
        first_ns = alarm->due_ns;
    }
    return 0;
}

int64_t alarm_info(const struct proc_process *self, struct request *request)
{
    if (request->words[0] >= PROC_ALARMS) {
        return -PE_INVAL;
    }
    tell(&alarms_of(self)[request->words[0]], request);
    return 0;
}

/* It is due: the signal, and what of its expirations no signal stands for; the time of the next. */
static void expire(struct proc_process *process, struct proc_alarm *alarm, uint64_t now_ns)
{
    uint64_t count = alarm->period_ns ? 1 + (now_ns - alarm->due_ns) / alarm->period_ns : 1;
    uint32_t bit = 1u << alarm->signal;
    uint64_t missed = alarm->missed + count - ((process->pending & bit) ? 0 : 1);

    alarm->missed = missed < PROC_OVERRUNS_MAXIMUM ? (uint32_t)missed : PROC_OVERRUNS_MAXIMUM;
    alarm->due_ns = alarm->period_ns ? alarm->due_ns + count * alarm->period_ns : 0;
    if (alarm->signal) {
        signal_send(process, alarm->signal);
    }
}

void alarms_expire(void)
{
    uint64_t now_ns = pd_now_ns();

    first_ns = NONE;
    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        struct proc_process *process = &proc_region()->processes[place];
        struct proc_alarm *alarms = alarms_of(process);

        for (uint32_t index = 0; process->state == PROC_STATE_RUNNING && index < PROC_ALARMS; index++) {
            if (alarms[index].due_ns && alarms[index].due_ns <= now_ns) {
                expire(process, &alarms[index], now_ns);
            }
            if (alarms[index].due_ns && alarms[index].due_ns < first_ns) {
                first_ns = alarms[index].due_ns;
            }
        }
    }
}

void alarms_taken(const struct proc_process *process, uint32_t signals)
{
    struct proc_alarm *alarms = alarms_of(process);

    for (uint32_t index = 0; index < PROC_ALARMS; index++) {
        if (alarms[index].signal && signals >> alarms[index].signal & 1) {
            alarms[index].overruns = alarms[index].missed;
            alarms[index].missed = 0;
        }
    }
}

void alarms_forget(const struct proc_process *process)
{
    struct proc_alarm *alarms = alarms_of(process);

    for (uint32_t index = 0; index < PROC_ALARMS; index++) {
        if (alarms[index].due_ns || alarms[index].signal) {
            alarms[index] = (struct proc_alarm){0};
        }
    }
}
