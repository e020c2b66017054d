/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a history of one service: requests of its clients, with arbitrary words, messages and capabilities, clients
 * that end, signals, time, and crashes between calls and in the midst of them.
 *
 * Rule: every call ends with an answer or waits; every commit is in its ranges; no incarnation gives itself up, and every
 * recovery accepts what was committed; when the history is over, the service's audit finds nothing.
 */
#include "requests.h"

#include <string.h>

#include "service_host.h"

#pragma clang section bss = "" data = ""

#define STEPS_MAXIMUM 200

/* Limits of what services are asked for. */
static const uint64_t constants[] = {MESSAGE_BYTES, MESSAGE_BYTES + 1, 1u << 8, 1u << 12, 1u << 16, 1u << 31, UINT32_MAX, 1000000,
                                     1000000000, 1ul << 32, 1ul << 48, 1ul << 63, INT64_MAX, UINT64_MAX};

static void call(struct fuzz_input *input)
{
    static const uint8_t objects[] = {0, OBJECT_DOMAIN, OBJECT_NOTIFICATION, OBJECT_SCHED_CONTEXT, OBJECT_MEMORY};
    static uint8_t message[MESSAGE_BYTES];
    uint32_t client = 1 + (uint32_t)fuzz_take(input, 1) % HOST_CLIENTS;
    uint32_t operation = (uint32_t)fuzz_take(input, 1) % (host_operations() + 1);
    uint8_t shape = (uint8_t)fuzz_take(input, 1), kinds[CALL_CAPABILITIES] = {0};
    uint32_t crash_after = shape & 0x80 ? 1 + (uint32_t)fuzz_take(input, 1) % 32 : 0;
    uint64_t words[4];
    uint32_t bytes = 0;

    for (uint32_t index = 0; index < 4; index++) {
        words[index] = fuzz_take_word(input, constants, sizeof constants / sizeof constants[0]);
    }
    if (shape & 0x40) {
        bytes = (uint32_t)fuzz_take(input, 2) % (MESSAGE_BYTES + 1);
        for (uint32_t index = 0; index < bytes; index++) {
            message[index] = index < 64 ? (uint8_t)fuzz_take(input, 1) : (uint8_t)index;
        }
    }
    for (uint32_t index = 0; index < CALL_CAPABILITIES && shape & 0x20; index++) {
        kinds[index] = objects[fuzz_take(input, 1) % sizeof objects];
    }
    host_call(client, operation, words, message, bytes, kinds, crash_after);
}

static void step(struct fuzz_input *input)
{
    uint8_t what = (uint8_t)fuzz_take(input, 1);

    switch (what % 16) {
    case 10:
        host_signal(fuzz_take(input, 1));
        break;
    case 11:
        host_wait_ns(fuzz_take(input, 4));
        break;
    case 12:
        host_revoke(1 + (uint32_t)fuzz_take(input, 1) % HOST_CLIENTS, what >> 4 & (BINDING_CAPABILITIES - 1));
        break;
    case 13:
        host_unbind(1 + (uint32_t)fuzz_take(input, 1) % HOST_CLIENTS);
        break;
    case 14:
        host_crash();
        break;
    default:
        call(input);
    }
    if (what < 0xe0) {
        host_settle();
    }
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
    struct fuzz_input input = {data, bytes};
    static const uint64_t nothing[4];
    static const uint8_t none[CALL_CAPABILITIES];

    host_start(&input);
    for (uint32_t steps = 0; steps < STEPS_MAXIMUM && input.bytes; steps++) {
        step(&input);
    }
    host_settle();
    for (uint32_t client = 1; fuzzed_audit && client <= HOST_CLIENTS; client++) {
        fuzz_must(!host_call(client, fuzzed_audit, nothing, "", 0, none, 0) || host_result == 0);
    }
    host_crash();
    host_settle();
    for (uint32_t client = 1; client <= HOST_CLIENTS; client++) {
        host_unbind(client);
        host_settle();
    }
}

void fuzz_begin(void)
{
    host_map(fuzzed_service);
}

/* Every operation by every client, in turns that differ, with a crash here and there. */
size_t fuzz_seed(unsigned index, uint8_t *room)
{
    size_t bytes = 0;

    if (index >= 4 * host_operations()) {
        return 0;
    }
    for (unsigned number = 0; number < 3 * host_operations(); number++) {
        const uint8_t one[] = {number % 7 == 6 ? 14 : 0, (uint8_t)(number % (2 + index % 4)), (uint8_t)(number * (1 + index) % host_operations()),
                               0x60, (uint8_t)(index % 5), (uint8_t)(number % 9), (uint8_t)(index * number % 70), 1, 5, 0, 1, 2, 3, 4, 5,
                               1, 2, 3, 0};

        memcpy(room + bytes, one, sizeof one);
        bytes += sizeof one;
    }
    return bytes;
}
