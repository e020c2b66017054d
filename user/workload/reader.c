/* SPDX-License-Identifier: MIT */
/*
 * reader: files that the host made.
 *
 * CHECKSUMS is a file on the disk with a line for each of them: CRC-32 in hexadecimal, size in bytes, path. Rule: every
 * byte that is read is known: whole files by their CRC, parts by being the same as in the first whole reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/workload/client.h"

#define FILES_MAXIMUM 2048
#define BUFFER_BYTES 65536

struct known_file {
    uint32_t crc;
    uint64_t bytes;
    char *path;
};

static struct known_file files[FILES_MAXIMUM];
static unsigned file_count;
static uint8_t buffer[BUFFER_BYTES] __attribute__((aligned(4096)));

static int read_list(struct client *client)
{
    char line[1024];
    FILE *list = fopen(client->checksums, "r");

    if (!list) {
        perror(client->checksums);
        return -1;
    }
    while (file_count < FILES_MAXIMUM && fgets(line, sizeof line, list)) {
        struct known_file *file = &files[file_count];
        int path_at = 0;
        unsigned crc;

        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%x %lu %n", &crc, &file->bytes, &path_at) == 2 && path_at) {
            file->crc = crc;
            file->path = strdup(line + path_at);
            file_count += file->path != NULL;
        }
    }
    fclose(list);
    if (!file_count) {
        fprintf(stderr, "%s: no line of it is `CRC SIZE PATH`\n", client->checksums);
        return -1;
    }
    return 0;
}

/* Bytes asked for in one call: some whole pages, some not, some few. */
static size_t piece(struct client *client)
{
    switch (client_random(client, 4)) {
    case 0:
        return 4096;
    case 1:
        return BUFFER_BYTES;
    case 2:
        return 1 + client_random(client, 500);
    default:
        return 1 + client_random(client, 20000);
    }
}

/* Read a file from its start to its end and compare its CRC. */
static void read_whole(struct client *client, const struct known_file *file)
{
    size_t bytes = piece(client);
    uint64_t total = 0;
    uint32_t crc = 0;
    int fd = open(file->path, O_RDONLY);

    if (bytes * 64 < file->bytes) {
        bytes = BUFFER_BYTES;
    }
    if (!client_reply(client, OP_OPEN, fd < 0 ? -1 : 0, 0)) {
        return;
    }
    for (;;) {
        ssize_t got = read(fd, buffer, bytes);

        if (!client_reply(client, OP_READ, got, 0) || got == 0) {
            break;
        }
        client_data(client, buffer, (size_t)got);
        crc = client_crc32(crc, buffer, (size_t)got);
        total += (uint64_t)got;
    }
    client_reply(client, OP_CLOSE, close(fd), 0);
    if (total != file->bytes || crc != file->crc) {
        client_wrong(client, total == file->bytes ? "content" : "length", file->path);
    }
}

/* A few reads here and there. */
static void read_parts(struct client *client, const struct known_file *file)
{
    int fd = open(file->path, O_RDONLY);

    if (!client_reply(client, OP_OPEN, fd < 0 ? -1 : 0, 0)) {
        return;
    }
    for (int part = 0; part < 4; part++) {
        uint64_t offset = client_random(client, file->bytes + 1);
        size_t bytes = piece(client);
        uint64_t due = file->bytes - offset < bytes ? file->bytes - offset : bytes;
        ssize_t got = pread(fd, buffer, bytes, (off_t)offset);

        if (client_reply(client, OP_PREAD, got, 0)) {
            client_data(client, buffer, (size_t)got);
            if ((uint64_t)got != due) {
                client_wrong(client, "length of a part", file->path);
            }
        }
    }
    client_reply(client, OP_CLOSE, close(fd), 0);
}

static void look_at(struct client *client, const struct known_file *file)
{
    struct stat status;

    if (client_reply(client, OP_STAT, stat(file->path, &status), 0) &&
        ((uint64_t)status.st_size != file->bytes || !S_ISREG(status.st_mode))) {
        client_wrong(client, "status", file->path);
    }
}

static void open_missing(struct client *client, const struct known_file *file)
{
    char path[1100];

    snprintf(path, sizeof path, "%s.not-there", file->path);
    client_reply(client, OP_OPEN, open(path, O_RDONLY), ENOENT);
}

int variant_reader(struct client *client)
{
    if (read_list(client) != 0) {
        return -1;
    }
    while (client->operations < client->operations_wanted) {
        const struct known_file *file = &files[client_random(client, file_count)];

        switch (client_random(client, 8)) {
        case 0:
            look_at(client, file);
            break;
        case 1:
            open_missing(client, file);
            break;
        case 2:
        case 3:
            read_parts(client, file);
            break;
        default:
            read_whole(client, file);
            break;
        }
    }
    return 0;
}
