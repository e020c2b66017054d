/* SPDX-License-Identifier: MIT */
/* The operations of proc about pipes and shared offsets, and those that may wait (abi/proc.toml). */
#include "ops.h"
#include "pipe.h"
#include "waiters.h"

static bool reads_from(const struct proc_process *self, uint64_t pipe)
{
    return pipe < PROC_PIPES && self->reads >> pipe & 1;
}

static bool writes_to(const struct proc_process *self, uint64_t pipe)
{
    return pipe < PROC_PIPES && self->writes >> pipe & 1;
}

static bool shares(const struct proc_process *self, uint64_t offset)
{
    return offset < PROC_OFFSETS && self->offsets >> offset & 1;
}

static int64_t make_pipe(struct proc_process *self)
{
    uint32_t pipe = pipe_new();

    if (pipe == PROC_PIPES) {
        return -PE_NFILE;
    }
    process_hold(self, 1ull << pipe, 1ull << pipe, 0);
    return pipe;
}

static int64_t close_ends(struct proc_process *self, const struct request *request)
{
    uint64_t reads = request->words[0], writes = request->words[1], offsets = request->words[2];

    if (reads & ~self->reads || writes & ~self->writes || offsets & ~(uint64_t)self->offsets) {
        return -PE_BADF;
    }
    process_release(self, reads, writes, (uint32_t)offsets);
    waiters_serve();
    return 0;
}

static int64_t pipe_info(const struct proc_process *self, struct request *request)
{
    uint64_t pipe = request->words[0];

    if (!reads_from(self, pipe) && !writes_to(self, pipe)) {
        return -PE_BADF;
    }
    request->reply[1] = holders.readers[pipe];
    request->reply[2] = holders.writers[pipe];
    return pipe_bytes((uint32_t)pipe);
}

static int64_t new_offset(struct proc_process *self, const struct request *request)
{
    uint32_t number = 0;

    while (number < PROC_OFFSETS && holders.offsets[number]) {
        number++;
    }
    if (number == PROC_OFFSETS) {
        return -PE_NFILE;
    }
    process_hold(self, 0, 0, 1u << number);
    proc_region()->offsets[number] = request->words[0];
    proc_region()->holders[number] = 0;
    return number;
}

static int64_t put_offset(const struct proc_process *self, const struct request *request)
{
    uint64_t number = request->words[0];

    if (!shares(self, number) || proc_region()->holders[number] != self->number) {
        return -PE_BADF;
    }
    proc_region()->offsets[number] = request->words[1];
    proc_region()->holders[number] = 0;
    waiters_serve();
    return 0;
}

/* 0, or what is wrong with the words of an operation that may wait. */
static int64_t check(const struct proc_process *self, const struct request *request)
{
    uint64_t count = request->words[1];

    switch (request->operation) {
    case PROC_READ:
        if (!reads_from(self, request->words[0])) {
            return -PE_BADF;
        }
        return count == 0 || count > PROC_WRITE_BYTES ? -PE_INVAL : 0;
    case PROC_WRITE:
        if (!writes_to(self, request->words[0])) {
            return -PE_BADF;
        }
        return count == 0 || count > request->message_bytes ? -PE_INVAL : 0;
    case PROC_POLL:
        return request->words[0] & ~self->reads || request->words[1] & ~self->writes ? -PE_BADF : 0;
    case PROC_OFFSET_TAKE:
        return shares(self, request->words[0]) ? 0 : -PE_BADF;
    case PROC_WAIT:
    case PROC_AWAIT_START:
        return 0;
    default:
        return -PE_NOSYS;
    }
}

/* An operation that may wait: it is done now, or deferred. */
static int64_t call_or_wait(struct proc_process *self, struct request *request)
{
    int64_t error = check(self, request);
    struct outcome outcome;

    if (error) {
        return error;
    }
    outcome = waiters_try(self, request->operation, request->words, false);
    if (outcome.result == SERVICE_DEFER) {
        return waiters_defer(self, request);
    }
    if (request->operation == PROC_READ || request->operation == PROC_WRITE) {
        waiters_serve();
    }
    if (outcome.bytes) {
        pipe_copy(outcome.pipe, outcome.position, server_message(), outcome.bytes);
        request->reply_bytes = outcome.bytes;
    }
    request->reply[1] = outcome.word1;
    request->reply[2] = outcome.word2;
    return outcome.result;
}

int64_t pipe_call(struct proc_process *self, struct request *request)
{
    switch (request->operation) {
    case PROC_PIPE:
        return make_pipe(self);
    case PROC_CLOSE:
        return close_ends(self, request);
    case PROC_PIPE_INFO:
        return pipe_info(self, request);
    case PROC_OFFSET_NEW:
        return new_offset(self, request);
    case PROC_OFFSET_PUT:
        return put_offset(self, request);
    default:
        return call_or_wait(self, request);
    }
}
