/* SPDX-License-Identifier: MIT */
/* What all variants share. The digest is FNV-1a, 64 bits. Rule: the first errors are described, all are counted. */
#include "user/workload/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "perdure/thread.h"

#define ERRORS_SHOWN 20
#define FNV_PRIME 0x100000001b3u

static uint64_t next(uint64_t *state)
{
    uint64_t value = *state += 0x9e3779b97f4a7c15u;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

uint64_t client_random(struct client *client, uint64_t limit)
{
    return next(&client->random) % limit;
}

void client_data(struct client *client, const void *data, size_t bytes)
{
    const uint8_t *from = data;
    uint64_t digest = client->digest;

    for (size_t index = 0; index < bytes; index++) {
        digest = (digest ^ from[index]) * FNV_PRIME;
    }
    client->digest = digest;
}

static const char *operation_name(enum operation operation)
{
    static const char *const names[] = {"?",     "open",   "close",  "read",  "write",   "pread",    "pwrite",
                                        "lseek", "stat",   "truncate", "fsync", "rename", "link",    "symlink",
                                        "readlink", "unlink", "mkdir", "rmdir", "list",   "numbers", "check",
                                        "alarm"};

    return names[operation];
}

int client_reply(struct client *client, enum operation operation, int64_t result, int expected_errno)
{
    int reason = result < 0 ? errno : 0;
    int64_t folded[3] = {operation, result < 0 ? -1 : result, reason};

    client->operations++;
    client_data(client, folded, sizeof folded);
    if (client->yields) {
        pd_yield();
    }
    if (reason == expected_errno) {
        return 1;
    }
    if (client->errors++ >= ERRORS_SHOWN) {
        return 0;
    }
    fprintf(stderr, "%s: operation %lu, %s: %s where %s was due\n", client->name, client->operations,
            operation_name(operation), reason ? strerror(reason) : "success",
            expected_errno ? strerror(expected_errno) : "success");
    return 0;
}

void client_wrong(struct client *client, const char *what, const char *path)
{
    if (client->errors++ >= ERRORS_SHOWN) {
        return;
    }
    fprintf(stderr, "%s: operation %lu: wrong %s of %s\n", client->name, client->operations, what, path);
}

void client_path(const struct client *client, char *path, size_t path_bytes, const char *prefix, unsigned number)
{
    snprintf(path, path_bytes, "%s/%s%u", client->directory, prefix, number);
}

void client_fill(uint8_t *buffer, size_t bytes, uint64_t tag)
{
    while (bytes) {
        uint64_t word = next(&tag);
        size_t part = bytes < sizeof word ? bytes : sizeof word;

        memcpy(buffer, &word, part);
        buffer += part;
        bytes -= part;
    }
}

uint32_t client_crc32(uint32_t crc, const void *data, size_t bytes)
{
    static uint32_t table[256];
    const uint8_t *from = data;

    for (uint32_t entry = 0; !table[255] && entry < 256; entry++) {
        uint32_t value = entry;

        for (int bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
        }
        table[entry] = value;
    }
    crc = ~crc;
    for (size_t index = 0; index < bytes; index++) {
        crc = crc >> 8 ^ table[(crc ^ from[index]) & 0xff];
    }
    return ~crc;
}
