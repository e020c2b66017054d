/* SPDX-License-Identifier: MIT */
/*
 * steps: one file is made, written, renamed over another and removed, each durable before the next.
 *
 * Rule: each of these happens once, and the first of its kind is the one that exhaustive campaigns strike
 * (faultinject/every.py); what is read back is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/workload/client.h"

#define PATH_BYTES 256
#define FILE_BYTES 1000 /* part of one block: exhaustive campaigns strike every instruction of writing it */

static uint8_t written[FILE_BYTES];
static uint8_t read_back[FILE_BYTES + 1];

/* sync() has no result; that it came to its end is the reply. */
static void make_durable(struct client *client)
{
    sync();
    client_reply(client, OP_SYNC, 0, 0);
}

static int make(struct client *client, const char *path)
{
    int file = open(path, O_CREAT | O_EXCL | O_RDWR, 0644);

    client_reply(client, OP_OPEN, file < 0 ? -1 : 0, 0);
    return file;
}

static void compare(struct client *client, int file, const char *path)
{
    ssize_t bytes = pread(file, read_back, sizeof read_back, 0);

    client_reply(client, OP_PREAD, bytes, 0);
    client_data(client, read_back, bytes > 0 ? (size_t)bytes : 0);
    if (bytes != FILE_BYTES || memcmp(read_back, written, FILE_BYTES) != 0) {
        client_wrong(client, "contents", path);
    }
}

int variant_steps(struct client *client)
{
    char path[PATH_BYTES];
    char other_path[PATH_BYTES];
    int file;
    int other;

    client_path(client, path, sizeof path, "step", 0);
    client_path(client, other_path, sizeof other_path, "other", 0);
    client_fill(written, sizeof written, client->random);
    make_durable(client);
    file = make(client, path);
    make_durable(client);
    client_reply(client, OP_WRITE, write(file, written, sizeof written), 0);
    make_durable(client);
    compare(client, file, path);
    other = make(client, other_path);
    client_reply(client, OP_CLOSE, close(other), 0);
    client_reply(client, OP_RENAME, rename(path, other_path), 0);
    make_durable(client);
    compare(client, file, other_path);
    client_reply(client, OP_CLOSE, close(file), 0);
    client_reply(client, OP_UNLINK, unlink(other_path), 0);
    make_durable(client);
    client_reply(client, OP_STAT, access(other_path, F_OK), ENOENT);
    return 0;
}
