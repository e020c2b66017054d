/* SPDX-License-Identifier: MIT */
/*
 * Services killed at any moment, over and over, while clients work.
 *
 * Rule: what the clients see in the storm is what they saw in the calm.
 */
#include "harness.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <abi/echo.h>
#include <abi/rng.h>

#define STORM_ROUNDS   400
#define STREAM_NUMBERS 65536
#define STREAM_PART    64
#define STREAM_SEED    0x5eed

static uint64_t calm_stream[STREAM_NUMBERS];
static uint8_t lent_pages[4][PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

/* The next part of a stream, into `to`. */
static void draw(const struct client *client, uint64_t *to)
{
    struct pd_call call;
    int64_t status = client_call(client, RNG_NEXT, STREAM_PART, 0, &call);

    if (status != PD_OK || call.transfer != STREAM_PART * sizeof(uint64_t)) {
        wrong("random numbers: %s, %llu bytes", pd_status_text(status), (unsigned long long)call.transfer);
        return;
    }
    memcpy(to, pd_message(), STREAM_PART * sizeof(uint64_t));
}

static void check_stream(const struct client *client, unsigned part)
{
    uint64_t numbers[STREAM_PART];

    draw(client, numbers);
    if (memcmp(numbers, calm_stream + part * STREAM_PART, sizeof numbers) != 0) {
        wrong("part %u of the stream differs", part);
    }
}

static void check_message(const struct client *client, unsigned round)
{
    uint8_t *message = pd_message();
    unsigned bytes = 1 + round * 37 % MESSAGE_BYTES;
    struct pd_call call = {.transfer = pd_transfer_message(bytes)};
    int64_t status;

    for (unsigned index = 0; index < bytes; index++) {
        message[index] = (uint8_t)(round + index);
    }
    status = pd_invoke(client->slot, ECHO_MESSAGE, &call);
    if (status != PD_OK || call.word[0] != bytes || call.transfer != bytes) {
        wrong("message %u: %s, %llu bytes", round, pd_status_text(status), (unsigned long long)call.transfer);
        return;
    }
    for (unsigned index = 0; index < bytes; index++) {
        if (message[index] != (uint8_t)(round + index + 1)) {
            wrong("message %u differs at byte %u", round, index);
            return;
        }
    }
}

static void check_lending(const struct client *client, unsigned round)
{
    struct pd_call call = {
        .word = {round}, .transfer = pd_transfer_lend_out(4), .lend_base = (uint64_t)lent_pages};

    expect(pd_invoke(client->slot, ECHO_LEND, &call), PD_OK, "lending pages out");
    expect((int64_t)call.word[0], 4 * (int64_t)round, "sum of the pages lent out");
    call = (struct pd_call){.transfer = pd_transfer_lend_in(3), .lend_base = (uint64_t)lent_pages};
    expect(pd_invoke(client->slot, ECHO_LEND, &call), PD_OK, "lending pages in");
    expect((int64_t)call.word[0], 3 * (int64_t)round, "sum of the pages lent in");
}

static void storm_with(const uint32_t *numbers, uint32_t count, uint64_t seed)
{
    struct client calm = client_bind(SERVICE_NUMBER_RNG);
    struct client stormy = client_bind(SERVICE_NUMBER_RNG);
    struct client first = client_bind(SERVICE_NUMBER_ECHO);
    struct client second = client_bind(SERVICE_NUMBER_ECHO);
    unsigned rounds = 0;

    client_expect(&calm, RNG_SEED, STREAM_SEED, 0, 0, "seeding");
    client_expect(&stormy, RNG_SEED, STREAM_SEED, 0, 0, "seeding");
    for (unsigned part = 0; part < STREAM_NUMBERS / STREAM_PART; part++) {
        draw(&calm, calm_stream + part * STREAM_PART);
    }
    begin_storm(numbers, count, STORM_ROUNDS, seed);
    for (; !storm_is_over(); rounds++) {
        client_expect(&first, ECHO_TOUCH, 8, 0, (int64_t)rounds + 1, "first counter");
        client_expect(&second, ECHO_TOUCH, 240, 0, (int64_t)rounds + 1, "second counter");
        check_message(&first, rounds);
        check_lending(&second, rounds);
        if (rounds < STREAM_NUMBERS / STREAM_PART) {
            check_stream(&stormy, rounds);
        }
    }
    printf("storm: %llu crashes while %u rounds of work were done\n", (unsigned long long)storm_crashes(),
           rounds);
    if (storm_crashes() < STORM_ROUNDS / 4) {
        wrong("only %llu crashes took effect", (unsigned long long)storm_crashes());
    }
    client_unbind(&calm);
    client_unbind(&stormy);
    client_unbind(&first);
    client_unbind(&second);
}

static void case_storm(void)
{
    static const uint32_t numbers[] = {SERVICE_NUMBER_ECHO, SERVICE_NUMBER_RNG};

    storm_with(numbers, 2, 0x1234567);
}

static void case_storm_with_monitor(void)
{
    static const uint32_t numbers[] = {SERVICE_NUMBER_ECHO, SERVICE_NUMBER_RNG, SERVICE_NUMBER_MONITOR,
                                       SERVICE_NUMBER_CONSOLE};

    storm_with(numbers, 4, 0x7654321);
}

const struct test_case storm_cases[] = {
    {"storm", case_storm, 0},
    {"storm-with-monitor", case_storm_with_monitor, 0},
    {NULL, NULL, 0},
};
