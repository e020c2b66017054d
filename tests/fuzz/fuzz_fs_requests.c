/* SPDX-License-Identifier: MIT */
/* sources: tests/unit/fs_host/ tests/fuzz/fs_images.c servers/common/recover.c servers/fs/ */
/* runs: 3000 */
/*
 * Any bytes as requests to the file server on an undamaged disk, known paths and others, with crashes at its calls of the
 * block service: every call ends with an answer, no request differs from itself, and the audit finds nothing afterwards.
 */
#include <string.h>

#include "servers/common/server.h"
#include "tests/fuzz/fs_images.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fs_host/fs_calls.h"
#include "tests/unit/fs_host/fs_host.h"

#define FIRST_CLIENT 2 /* those before it may unmount */
#define CLIENTS 3
#define CALLS 40
#define LENT_BYTES (4 * 4096)

/* Limits of what is asked for. */
static const uint64_t constants[] = {4096, 4097, 1u << 16, 1u << 31, UINT32_MAX, 1ul << 32, 1ul << 41, 1ul << 63, INT64_MAX,
                                     UINT64_MAX};

/* One or two known paths or any bytes: their length. */
static uint32_t make_message(struct fuzz_input *input, uint8_t *message)
{
    uint32_t shape = (uint32_t)fuzz_take(input, 1), bytes = 0;

    for (uint32_t part = 0; part < shape % 3; part++) {
        const char *path = fs_paths_known[fuzz_take(input, 1) % FS_PATHS];

        if (part > 0) {
            message[bytes++] = 0;
        }
        memcpy(message + bytes, path, strlen(path));
        bytes += (uint32_t)strlen(path);
    }
    for (uint32_t extra = shape >> 4; extra > 0; extra--) {
        message[bytes++] = (uint8_t)fuzz_take(input, 1);
    }
    return bytes;
}

static void call(struct fuzz_input *input)
{
    static uint8_t message[4096], lent[LENT_BYTES];
    uint32_t client = (uint32_t)fuzz_take(input, 1), operation = (uint32_t)fuzz_take(input, 1) % (FS_OPERATIONS + 1);
    uint32_t message_bytes = make_message(input, message), lent_bytes = 0, flags = 0;
    uint64_t words[4];

    for (uint32_t index = 0; index < 4; index++) {
        words[index] = fuzz_take_word(input, constants, sizeof constants / sizeof constants[0]);
    }
    if (client & 0x40) {
        flags = client & 0x80 ? REQUEST_LENT_IN : REQUEST_LENT_OUT;
        lent_bytes = 4096 * (1 + (client >> 4 & 3));
    }
    fuzz_must(host_call(FIRST_CLIENT + client % CLIENTS, operation, words, message, message_bytes, lent, lent_bytes, flags) > -4096);
    fuzz_must(host_reply.bytes <= 4096);
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
    struct fuzz_input input = {data, bytes};
    const struct fs_image *image = &fs_images[fuzz_take(&input, 1) % FS_IMAGES];

    host_seed(1);
    memset(&host_plan, 0, sizeof host_plan);
    host_plan.crash_every_calls = fuzz_take(&input, 1) % 16;
    host_start_with(image->bytes, image->size);
    for (unsigned calls = 0; calls < CALLS && input.bytes; calls++) {
        call(&input);
    }
    host_plan.crash_every_calls = 0;
    fuzz_must(fs_simple(FIRST_CLIENT, FS_AUDIT) == 0);
    for (uint32_t client = 0; client < CLIENTS; client++) {
        host_unbind(FIRST_CLIENT + client);
    }
}

void fuzz_begin(void)
{
    fs_images_make();
}

/* Every operation on every path, with small words. */
size_t fuzz_seed(unsigned index, uint8_t *room)
{
    size_t bytes = 0;

    if (index >= 60) {
        return 0;
    }
    room[bytes++] = (uint8_t)index;
    room[bytes++] = (uint8_t)(index % 5 * 3);
    for (unsigned number = 0; number < CALLS; number++) {
        const uint8_t one[] = {(uint8_t)(number % 3 | (number + index) % 4 << 6), (uint8_t)((number * 7 + index) % FS_OPERATIONS),
                               (uint8_t)(1 + (number + index) % 2), (uint8_t)(number + index), (uint8_t)(number % 4),
                               (uint8_t)(number * index % 90), (uint8_t)(index % 7), 0};

        memcpy(room + bytes, one, sizeof one);
        bytes += sizeof one;
    }
    return bytes;
}
