/* SPDX-License-Identifier: MIT */
/* Calls that wait. Rule: waiters.h. */
#include "waiters.h"

#include "alarms.h"
#include "perdure/boot.h"
#include "pipe.h"
#include "signals.h"

#define FOREVER UINT64_MAX

/* Answers of one transaction: the kernel has room for eight. */
#define ANSWERS_MAXIMUM 8

#define LOOK_AGAIN_NS 100000000u

struct waiter {
    uint32_t operation;
    uint64_t words[3];
};

static struct waiter waiters[PROC_PROCESSES];
static uint64_t waiting; /* bit n: the process at place n */
static uint64_t look_again_ns = FOREVER;
static uint64_t armed_ns = FOREVER; /* of the service's alarm */

_Static_assert(PROC_PROCESSES <= 64, "a bit for each place");

static bool is_child(const struct proc_process *child, const struct proc_process *parent, int64_t selector)
{
    if (child->state == PROC_STATE_FREE || child->parent != parent->number) {
        return false;
    }
    if (selector > 0) {
        return child->number == (uint64_t)selector;
    }
    return selector == -1 || child->group == (selector == 0 ? parent->group : (uint64_t)-selector);
}

/* WAIT: a child that has ended is forgotten. */
static void try_wait(struct proc_process *process, const uint64_t words[3], struct outcome *outcome)
{
    struct proc_process *table = proc_region()->processes;

    outcome->result = -PE_CHILD;
    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        if (!is_child(&table[place], process, (int64_t)words[0])) {
            continue;
        }
        if (table[place].state == PROC_STATE_ENDED) {
            outcome->result = table[place].number;
            outcome->word1 = table[place].status;
            process_forget(&table[place]);
            return;
        }
        outcome->result = words[1] & PROC_NO_WAIT ? 0 : SERVICE_DEFER;
    }
}

static void try_await_start(const struct proc_process *process, const uint64_t words[3], struct outcome *outcome)
{
    const struct proc_process *child = process_find((uint32_t)words[0]);

    if (!child || child->parent != process->number) {
        outcome->result = -PE_SRCH;
    } else {
        outcome->result = child->state == PROC_STATE_EXPECTED ? SERVICE_DEFER : 0;
    }
}

static void try_read(const uint64_t words[3], struct outcome *outcome)
{
    uint32_t pipe = (uint32_t)words[0];
    uint32_t there = pipe_bytes(pipe);

    if (there == 0) {
        outcome->result = holders.writers[pipe] == 0 ? 0 : words[2] & PROC_NO_WAIT ? -PE_AGAIN : SERVICE_DEFER;
        return;
    }
    outcome->pipe = pipe;
    outcome->bytes = words[1] < there ? (uint32_t)words[1] : there;
    outcome->result = outcome->bytes;
    outcome->position = pipe_take(pipe, outcome->bytes);
}

/* The bytes of a WRITE that waits are still with its client, so it can only be told to come again. */
static void try_write(const uint64_t words[3], bool again, struct outcome *outcome)
{
    uint32_t pipe = (uint32_t)words[0];
    uint32_t room = PROC_PIPE_BYTES - pipe_bytes(pipe);
    uint32_t count = (uint32_t)words[1];

    if (count > room && room > 0 && words[2] & PROC_PARTIAL) {
        count = room;
    }
    if (holders.readers[pipe] == 0) {
        outcome->result = -PE_PIPE;
    } else if (count > room) {
        outcome->result = words[2] & PROC_NO_WAIT ? -PE_AGAIN : SERVICE_DEFER;
    } else if (again) {
        outcome->result = 0;
    } else {
        pipe_put(pipe, server_message(), count);
        outcome->result = count;
    }
}

static void try_poll(const uint64_t words[3], struct outcome *outcome)
{
    outcome->result = 0;
    for (uint64_t left = words[0]; left != 0; left &= left - 1) {
        uint32_t pipe = (uint32_t)__builtin_ctzll(left);

        if (pipe_bytes(pipe) > 0 || holders.writers[pipe] == 0) {
            outcome->word1 |= 1ull << pipe;
            outcome->result++;
        }
    }
    for (uint64_t left = words[1]; left != 0; left &= left - 1) {
        uint32_t pipe = (uint32_t)__builtin_ctzll(left);

        if (pipe_bytes(pipe) + PROC_WRITE_BYTES <= PROC_PIPE_BYTES || holders.readers[pipe] == 0) {
            outcome->word2 |= 1ull << pipe;
            outcome->result++;
        }
    }
    if (outcome->result == 0 && words[2] != 0 && (words[2] == FOREVER || pd_now_ns() < words[2])) {
        outcome->result = SERVICE_DEFER;
    }
}

static void try_offset_take(const struct proc_process *process, const uint64_t words[3], struct outcome *outcome)
{
    uint32_t number = (uint32_t)words[0];
    struct proc_region *region = proc_region();

    if (region->holders[number] != 0 && region->holders[number] != process->number) {
        outcome->result = SERVICE_DEFER;
        return;
    }
    region->holders[number] = process->number;
    outcome->result = 0;
    outcome->word1 = region->offsets[number];
}

/* What others will surely do soon is waited for whatever signals there are: who called again at once would only take time from them. */
static bool is_interrupted(uint32_t operation)
{
    return operation != PROC_OFFSET_TAKE && operation != PROC_AWAIT_START;
}

struct outcome waiters_try(struct proc_process *process, uint32_t operation, const uint64_t words[3], bool again)
{
    struct outcome outcome = {.result = -PE_NOSYS};

    switch (operation) {
    case PROC_WAIT:
        try_wait(process, words, &outcome);
        break;
    case PROC_AWAIT_START:
        try_await_start(process, words, &outcome);
        break;
    case PROC_READ:
        try_read(words, &outcome);
        break;
    case PROC_WRITE:
        try_write(words, again, &outcome);
        break;
    case PROC_POLL:
        try_poll(words, &outcome);
        break;
    case PROC_OFFSET_TAKE:
        try_offset_take(process, words, &outcome);
        break;
    default:
        break;
    }
    if (outcome.result == SERVICE_DEFER && signals_due(process) && is_interrupted(operation)) {
        outcome.result = -PE_INTR;
    }
    return outcome;
}

void waiters_arm(void)
{
    uint64_t first_ns = look_again_ns < alarms_first_ns() ? look_again_ns : alarms_first_ns();

    for (uint64_t left = waiting; left != 0; left &= left - 1) {
        const struct waiter *waiter = &waiters[__builtin_ctzll(left)];

        if (waiter->operation == PROC_POLL && waiter->words[2] < first_ns) {
            first_ns = waiter->words[2];
        }
    }
    if (first_ns != armed_ns) {
        armed_ns = first_ns;
        service_alarm(first_ns == FOREVER ? 0 : first_ns, EVENT_TIME);
    }
}

/* Whether the client still has the request that is noted here; one whose thread has ended has not. */
static bool still_waits(const struct proc_process *process)
{
    uint32_t operation;
    uint64_t words[3];

    if (!(waiting >> place_of(process) & 1)) {
        return false;
    }
    if (service_deferred(process->binding, &operation, words) != PD_OK) {
        waiters_forget(process);
        return false;
    }
    return true;
}

int64_t waiters_defer(struct proc_process *process, const struct request *request)
{
    struct waiter *waiter = &waiters[place_of(process)];

    if (still_waits(process)) {
        return -PE_BUSY;
    }
    waiter->operation = request->operation;
    memcpy(waiter->words, request->words, sizeof waiter->words);
    waiting |= 1ull << place_of(process);
    waiters_arm();
    return SERVICE_DEFER;
}

void waiters_forget(const struct proc_process *process)
{
    waiting &= ~(1ull << place_of(process));
}

/* Answer one, or leave it as it is. */
static void serve(struct proc_process *process)
{
    const struct waiter *waiter = &waiters[place_of(process)];
    struct outcome outcome;
    int64_t status;

    if (!still_waits(process)) {
        return;
    }
    outcome = waiters_try(process, waiter->operation, waiter->words, true);
    if (outcome.result == SERVICE_DEFER) {
        return;
    }
    if (outcome.bytes) {
        pipe_copy(outcome.pipe, outcome.position, server_message(), outcome.bytes);
        status = service_answer_message(process->binding, outcome.result, outcome.bytes);
    } else {
        status = service_answer(process->binding, outcome.result, outcome.word1, outcome.word2);
    }
    if (status != PD_OK) {
        server_panic(SERVER_PANIC_DELIVERY); /* what it took goes back */
    }
    waiters_forget(process);
}

void waiters_serve(void)
{
    uint32_t answers = 0;

    if (waiting == 0) {
        return;
    }
    for (uint64_t left = waiting; left != 0; left &= left - 1) {
        uint32_t place = (uint32_t)__builtin_ctzll(left);

        if (answers == ANSWERS_MAXIMUM) {
            pd_invoke_4(SLOT_NOTIFICATION, NOTIFICATION_SIGNAL, EVENT_SERVE, 0, 0, 0);
            break;
        }
        serve(&proc_region()->processes[place]);
        answers += !(waiting >> place & 1);
    }
    waiters_arm();
}

void waiters_recover(struct proc_process *process)
{
    struct waiter *waiter = &waiters[place_of(process)];

    if (service_deferred(process->binding, &waiter->operation, waiter->words) == PD_OK) {
        waiting |= 1ull << place_of(process);
    }
}

void waiters_begin(void)
{
    if (look_again_ns == FOREVER) {
        look_again_ns = pd_now_ns() + LOOK_AGAIN_NS;
        waiters_arm();
    }
}

void waiters_look_again(void)
{
    struct proc_process *table = proc_region()->processes;
    bool any = false;

    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        if (table[place].binding) {
            any = true;
            waiters_recover(&table[place]);
        }
    }
    armed_ns = FOREVER;
    look_again_ns = any ? pd_now_ns() + LOOK_AGAIN_NS : FOREVER;
    waiters_arm();
}
