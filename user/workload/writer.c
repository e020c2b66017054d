/* SPDX-License-Identifier: MIT */
/* writer: its own files, written in every way. Rule: what each file holds is kept here too, and every read compared. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/workload/client.h"

#define FILES 6
#define FILE_BYTES 98304
#define WRITE_BYTES 16384

struct own_file {
    int fd;
    uint64_t bytes;
    uint8_t content[FILE_BYTES];
};

static struct own_file files[FILES];
static uint8_t buffer[FILE_BYTES] __attribute__((aligned(4096)));

/* Bytes past the old end that a write or a truncate leaves unwritten are zero. */
static void grow(struct own_file *file, uint64_t bytes)
{
    if (bytes > file->bytes) {
        memset(file->content + file->bytes, 0, bytes - file->bytes);
        file->bytes = bytes;
    }
}

static void write_at(struct client *client, struct own_file *file, uint64_t offset)
{
    size_t bytes = client_random(client, 3) ? 1 + client_random(client, WRITE_BYTES) : 4096;

    if (offset + bytes > FILE_BYTES) {
        offset = FILE_BYTES - bytes;
    }
    client_fill(buffer, bytes, client_random(client, UINT64_MAX));
    if (client_reply(client, OP_PWRITE, pwrite(file->fd, buffer, bytes, (off_t)offset), 0)) {
        if (offset > file->bytes) {
            grow(file, offset);
        }
        memcpy(file->content + offset, buffer, bytes);
        if (offset + bytes > file->bytes) {
            file->bytes = offset + bytes;
        }
    }
}

static void append(struct client *client, struct own_file *file)
{
    size_t bytes = 1 + client_random(client, 700);

    if (file->bytes + bytes > FILE_BYTES) {
        return;
    }
    client_fill(buffer, bytes, client_random(client, UINT64_MAX));
    client_reply(client, OP_SEEK, lseek(file->fd, 0, SEEK_END), 0);
    if (client_reply(client, OP_WRITE, write(file->fd, buffer, bytes), 0)) {
        memcpy(file->content + file->bytes, buffer, bytes);
        file->bytes += bytes;
    }
}

static void cut(struct client *client, struct own_file *file)
{
    uint64_t bytes = client_random(client, file->bytes + 5000);

    if (bytes > FILE_BYTES) {
        bytes = FILE_BYTES;
    }
    if (client_reply(client, OP_TRUNCATE, ftruncate(file->fd, (off_t)bytes), 0)) {
        grow(file, bytes);
        file->bytes = bytes;
    }
}

static void read_back(struct client *client, const struct own_file *file, const char *path)
{
    uint64_t offset = client_random(client, file->bytes + 1);
    size_t bytes = 1 + client_random(client, 20000);
    ssize_t got = pread(file->fd, buffer, bytes, (off_t)offset);
    uint64_t due = file->bytes - offset < bytes ? file->bytes - offset : bytes;

    if (client_reply(client, OP_PREAD, got, 0)) {
        client_data(client, buffer, (size_t)got);
        if ((uint64_t)got != due || memcmp(buffer, file->content + offset, due) != 0) {
            client_wrong(client, "content", path);
        }
    }
}

static void check_all(struct client *client, const struct own_file *file, const char *path)
{
    struct stat status;
    ssize_t got;

    if (client_reply(client, OP_STAT, fstat(file->fd, &status), 0) && (uint64_t)status.st_size != file->bytes) {
        client_wrong(client, "length", path);
    }
    got = pread(file->fd, buffer, sizeof buffer, 0);
    if (client_reply(client, OP_PREAD, got, 0) &&
        ((uint64_t)got != file->bytes || memcmp(buffer, file->content, file->bytes) != 0)) {
        client_wrong(client, "content at the end", path);
    }
    client_data(client, file->content, file->bytes);
}

static void one_operation(struct client *client, unsigned number)
{
    struct own_file *file = &files[number];
    char path[256];

    client_path(client, path, sizeof path, "written", number);
    switch (client_random(client, 16)) {
    case 0:
        cut(client, file);
        break;
    case 1:
        client_reply(client, OP_SYNC, fsync(file->fd), 0);
        break;
    case 2:
        client_reply(client, OP_CLOSE, close(file->fd), 0);
        file->fd = open(path, O_RDWR);
        client_reply(client, OP_OPEN, file->fd < 0 ? -1 : 0, 0);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        append(client, file);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        write_at(client, file, client_random(client, file->bytes + 8192));
        break;
    default:
        read_back(client, file, path);
        break;
    }
}

int variant_writer(struct client *client)
{
    char path[256];

    for (unsigned number = 0; number < FILES; number++) {
        client_path(client, path, sizeof path, "written", number);
        files[number].fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
        client_reply(client, OP_OPEN, files[number].fd < 0 ? -1 : 0, 0);
    }
    while (client->operations < client->operations_wanted) {
        one_operation(client, (unsigned)client_random(client, FILES));
    }
    for (unsigned number = 0; number < FILES; number++) {
        client_path(client, path, sizeof path, "written", number);
        check_all(client, &files[number], path);
        client_reply(client, OP_CLOSE, close(files[number].fd), 0);
    }
    return 0;
}
