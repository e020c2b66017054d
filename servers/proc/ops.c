/* SPDX-License-Identifier: MIT */
/* The operations of proc about processes (abi/proc.toml). Rule: the caller's place in the table, then arguments, then effects. */
#include "ops.h"

#include "alarms.h"
#include "signals.h"
#include "waiters.h"

/* Capabilities that START may bring: type and rights, by PROC_KEEP_*. */
static const struct {
    uint64_t type;
    uint64_t rights;
} kept_kinds[] = {
    [PROC_KEEP_DOMAIN] = {OBJECT_DOMAIN, RIGHT_USE | RIGHT_MANAGE},
    [PROC_KEEP_NOTIFICATION] = {OBJECT_NOTIFICATION, RIGHT_WRITE},
};

static void keep_arrivals(void)
{
    for (uint32_t index = 0; index < sizeof kept_kinds / sizeof kept_kinds[0]; index++) {
        uint64_t type, rights, badge;

        if (pd_identify(SLOT_ARRIVED + index, &type, &rights, &badge) == PD_OK && type == kept_kinds[index].type &&
            (rights & kept_kinds[index].rights) == kept_kinds[index].rights) {
            service_keep(index, index);
        }
    }
}

static int64_t start(struct request *request)
{
    struct proc_ssr *ssr = server_ssr();
    struct proc_region *region = proc_region();
    struct proc_process *process;

    if (ssr->magic != 0) {
        return -PE_EXIST;
    }
    process = request->words[0] ? process_expected((uint32_t)request->words[0]) : process_new(PROC_INIT);
    if (!process || request->words[0] > UINT32_MAX) {
        return request->words[0] ? -PE_SRCH : -PE_AGAIN;
    }
    *ssr = (struct proc_ssr){.magic = PROC_MAGIC, .place = place_of(process), .process = process->number};
    process->binding = request->binding;
    keep_arrivals();
    waiters_begin();
    if (process->state == PROC_STATE_EXPECTED) {
        process->state = PROC_STATE_RUNNING;
    } else {
        signals_deliver_later(); /* a signal was faster */
    }
    if (process->parent == PROC_INIT && signal_send_group(region->foreground, 0) == 0) {
        region->foreground = process->group;
    }
    waiters_serve();
    request->reply[1] = process->parent;
    request->reply[2] = process->group;
    request->reply[3] = process->ignored | (uint64_t)process->blocked << 32;
    return process->number;
}

static int64_t spawn(struct proc_process *self, struct request *request)
{
    uint64_t reads = request->words[0], writes = request->words[1], offsets = request->words[2];
    struct proc_process *child;

    if (request->words[3] & ~(uint64_t)PROC_FORK) {
        return -PE_INVAL;
    }
    if (reads & ~self->reads || writes & ~self->writes || offsets & ~(uint64_t)self->offsets) {
        return -PE_BADF;
    }
    child = process_new(self->number);
    if (!child) {
        return -PE_AGAIN;
    }
    child->group = self->group;
    child->ignored = self->ignored;
    child->blocked = self->blocked;
    child->caught = request->words[3] & PROC_FORK ? self->caught : 0;
    process_hold(child, reads, writes, (uint32_t)offsets);
    request->reply[1] = child->token;
    return child->number;
}

static int64_t cancel(struct proc_process *self, const struct request *request)
{
    struct proc_process *child = process_find((uint32_t)request->words[0]);

    if (!child || child->parent != self->number || child->binding || child->state == PROC_STATE_ENDED) {
        return -PE_SRCH;
    }
    process_release(child, child->reads, child->writes, child->offsets);
    process_forget(child);
    waiters_serve();
    return 0;
}

static int64_t say_exit(struct proc_process *self, const struct request *request)
{
    if (request->words[0] > 255) {
        return -PE_INVAL;
    }
    if (self->state == PROC_STATE_RUNNING) {
        self->status = (uint32_t)request->words[0] << PROC_STATUS_EXITED_SHIFT;
    }
    return 0;
}

/* All but the caller. */
static uint32_t signal_others(struct proc_process *self, uint32_t number)
{
    struct proc_process *table = proc_region()->processes;
    uint32_t count = 0;

    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        if (&table[place] != self && table[place].state != PROC_STATE_FREE) {
            count++;
            if (number) {
                signal_send(&table[place], number);
            }
        }
    }
    return count;
}

static int64_t send_signal(struct proc_process *self, const struct request *request)
{
    int64_t selector = (int64_t)request->words[0];
    uint32_t number = (uint32_t)request->words[1];
    struct proc_process *target;
    uint32_t count = 0;

    if (request->words[1] >= PROC_SIGNAL_LIMIT || selector > PROC_NUMBER_MAXIMUM || selector < -PROC_NUMBER_MAXIMUM) {
        return request->words[1] >= PROC_SIGNAL_LIMIT ? -PE_INVAL : -PE_SRCH;
    }
    if (selector == PROC_INIT) {
        return -PE_PERM;
    }
    if (selector == -1) {
        count = signal_others(self, number);
    } else if (selector <= 0) {
        count = signal_send_group(selector == 0 ? self->group : (uint32_t)-selector, number);
    } else if ((target = process_find((uint32_t)selector)) != NULL) {
        count = 1;
        if (number) {
            signal_send(target, number);
        }
    }
    return count ? 0 : -PE_SRCH;
}

static int64_t set_signals(struct proc_process *self, const struct request *request)
{
    const uint32_t always = 1u << SIGNAL_KILL | 1u << SIGNAL_STOP | 1;

    self->caught = (uint32_t)request->words[0] & ~always;
    self->ignored = (uint32_t)request->words[1] & ~always & ~self->caught;
    self->blocked = (uint32_t)request->words[2] & ~always;
    signals_changed(self);
    return self->pending;
}

static int64_t take_signals(struct proc_process *self, const struct request *request)
{
    uint32_t taken = self->pending & self->caught & (uint32_t)request->words[0];

    self->pending &= ~taken;
    alarms_taken(self, taken);
    return taken;
}

static int64_t set_alarm(const struct proc_process *self, struct request *request)
{
    int64_t result = alarm_set(self, request);

    waiters_arm();
    return result;
}

static int64_t set_group(struct proc_process *self, const struct request *request)
{
    struct proc_process *process = request->words[0] ? process_find((uint32_t)request->words[0]) : self;
    uint32_t group = (uint32_t)request->words[1];

    if (!process || (process != self && process->parent != self->number)) {
        return -PE_SRCH;
    }
    group = group ? group : process->number;
    if (request->words[1] > PROC_NUMBER_MAXIMUM || (group != process->number && signal_send_group(group, 0) == 0)) {
        return -PE_PERM;
    }
    process->group = group;
    return 0;
}

static int64_t tell_group(const struct proc_process *self, struct request *request)
{
    const struct proc_process *process = request->words[0] ? process_find((uint32_t)request->words[0]) : self;

    if (!process) {
        return -PE_SRCH;
    }
    request->reply[1] = process->parent;
    return process->group;
}

static int64_t foreground(const struct request *request)
{
    struct proc_region *region = proc_region();

    if (request->words[0] > PROC_NUMBER_MAXIMUM || (request->words[0] && signal_send_group((uint32_t)request->words[0], 0) == 0)) {
        return -PE_SRCH;
    }
    if (request->words[0] && region->foreground != request->words[0]) {
        region->foreground = (uint32_t)request->words[0];
    }
    return region->foreground;
}

static int64_t info(struct request *request)
{
    const struct proc_process *process = &proc_region()->processes[request->words[0] % PROC_PROCESSES];

    if (request->words[0] >= PROC_PROCESSES) {
        return -PE_INVAL;
    }
    request->reply[1] = process->parent;
    request->reply[2] = process->group;
    request->reply[3] = process->state;
    return process->number;
}

static int64_t audit(void)
{
    struct holders counted;
    struct service_binding binding;
    int64_t differences = 0;
    uint32_t bound = 0, found = 0;

    holders_count(&counted);
    for (uint32_t index = 0; index < sizeof counted; index++) {
        differences += ((const uint8_t *)&counted)[index] != ((const uint8_t *)&holders)[index];
    }
    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        bound += proc_region()->processes[place].binding != 0;
    }
    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK; index++) {
        for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
            found += proc_region()->processes[place].binding == binding.binding;
        }
    }
    return differences + (int64_t)(bound - found);
}

/* What any client may ask, and what only a process may. */
int64_t service_call(struct request *request)
{
    struct proc_process *self;

    switch (request->operation) {
    case PROC_START:
        return start(request);
    case PROC_INFO:
        return info(request);
    case PROC_AUDIT:
        return audit();
    default:
        break;
    }
    self = process_self();
    if (!self) {
        return -PE_SRCH;
    }
    switch (request->operation) {
    case PROC_SPAWN:
        return spawn(self, request);
    case PROC_CANCEL:
        return cancel(self, request);
    case PROC_EXIT:
        return say_exit(self, request);
    case PROC_KILL:
        return send_signal(self, request);
    case PROC_SIGNALS:
        return set_signals(self, request);
    case PROC_TAKE:
        return take_signals(self, request);
    case PROC_ALARM:
        return set_alarm(self, request);
    case PROC_ALARM_INFO:
        return alarm_info(self, request);
    case PROC_SET_GROUP:
        return set_group(self, request);
    case PROC_GROUP:
        return tell_group(self, request);
    case PROC_FOREGROUND:
        return foreground(request);
    default:
        return pipe_call(self, request);
    }
}
