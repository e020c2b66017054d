/* SPDX-License-Identifier: MIT */
/*
 * What all variants share. The digest is FNV-1a with words of 64 bits in the place of bytes, and the upper half of each
 * product folded into the lower, which the multiplication alone never reaches. Rule: the first errors are described, all
 * are counted; computing is short, because a campaign runs it in every experiment.
 */
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

static uint64_t fold(uint64_t digest, uint64_t word)
{
    digest = (digest ^ word) * FNV_PRIME;
    return digest ^ digest >> 32;
}

void client_data(struct client *client, const void *data, size_t bytes)
{
    const uint8_t *from = data;
    uint64_t digest = client->digest;
    uint64_t word = 0;

    for (; bytes >= sizeof word; bytes -= sizeof word, from += sizeof word) {
        memcpy(&word, from, sizeof word);
        digest = fold(digest, word);
    }
    if (bytes) {
        word = 0;
        memcpy(&word, from, bytes);
        digest = fold(digest, word ^ (uint64_t)bytes << 56);
    }
    client->digest = digest;
}

static const char *operation_name(enum operation operation)
{
    static const char *const names[] = {"?",     "open",   "close",  "read",  "write",   "pread",    "pwrite",
                                        "lseek", "stat",   "truncate", "fsync", "rename", "link",    "symlink",
                                        "readlink", "unlink", "mkdir", "rmdir", "list",   "numbers", "check",
                                        "alarm", "process", "scheduling"};

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
    uint64_t word = next(&tag);

    for (; bytes >= sizeof word; bytes -= sizeof word, buffer += sizeof word) {
        memcpy(buffer, &word, sizeof word);
        word += 0x9e3779b97f4a7c15u;
    }
    memcpy(buffer, &word, bytes);
}

#define CRC_TABLES 8

/* Table n: what a byte makes of the remainder n bytes later. */
static uint32_t crc_table[CRC_TABLES][256];

static void crc_prepare(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;

        for (int bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
        }
        crc_table[0][byte] = value;
    }
    for (unsigned table = 1; table < CRC_TABLES; table++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint32_t before = crc_table[table - 1][byte];

            crc_table[table][byte] = before >> 8 ^ crc_table[0][before & 0xff];
        }
    }
}

/* Eight bytes at a time: M. Kounavis, F. Berry: A systematic approach to building high performance software-based CRC
 * generators, ISCC 2005. */
uint32_t client_crc32(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *from = data;

    if (!crc_table[0][1]) {
        crc_prepare();
    }
    crc = ~crc;
    for (; bytes >= 8; bytes -= 8, from += 8) {
        uint64_t word;

        memcpy(&word, from, sizeof word);
        word ^= crc;
        crc = crc_table[7][word & 0xff] ^ crc_table[6][word >> 8 & 0xff] ^ crc_table[5][word >> 16 & 0xff] ^
              crc_table[4][word >> 24 & 0xff] ^ crc_table[3][word >> 32 & 0xff] ^ crc_table[2][word >> 40 & 0xff] ^
              crc_table[1][word >> 48 & 0xff] ^ crc_table[0][word >> 56];
    }
    for (; bytes > 0; bytes--, from++) {
        crc = crc >> 8 ^ crc_table[0][(crc ^ *from) & 0xff];
    }
    return ~crc;
}
