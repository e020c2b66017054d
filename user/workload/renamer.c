/* SPDX-License-Identifier: MIT */
/*
 * renamer: names that come, go and change.
 *
 * Rule: each name holds a content number or nothing; the number is what the file's first eight bytes say, so that a name
 * that leads to the wrong file shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/workload/client.h"

#define NAMES 24
#define PATH_BYTES 256

static uint64_t content[NAMES]; /* 0: no such name */
static uint64_t last_content;

static void make(struct client *client, unsigned number, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    uint64_t mine = last_content + 1;

    if (!client_reply(client, OP_OPEN, fd < 0 ? -1 : 0, content[number] ? EEXIST : 0) || content[number]) {
        return;
    }
    if (client_reply(client, OP_WRITE, write(fd, &mine, sizeof mine), 0)) {
        last_content = mine;
        content[number] = mine;
    }
    client_reply(client, OP_CLOSE, close(fd), 0);
}

static void check(struct client *client, unsigned number, const char *path)
{
    int fd = open(path, O_RDONLY);
    uint64_t found = 0;

    if (!client_reply(client, OP_OPEN, fd < 0 ? -1 : 0, content[number] ? 0 : ENOENT) || fd < 0) {
        return;
    }
    if (client_reply(client, OP_READ, read(fd, &found, sizeof found), 0)) {
        client_data(client, &found, sizeof found);
        if (found != content[number]) {
            client_wrong(client, "content", path);
        }
    }
    client_reply(client, OP_CLOSE, close(fd), 0);
}

static void rename_it(struct client *client, unsigned from, unsigned to, const char *from_path, const char *to_path)
{
    if (client_reply(client, OP_RENAME, rename(from_path, to_path), content[from] ? 0 : ENOENT) && content[from] &&
        content[from] != content[to]) {
        content[to] = content[from];
        content[from] = 0;
    }
}

static void link_it(struct client *client, unsigned from, unsigned to, const char *from_path, const char *to_path)
{
    int due = !content[from] ? ENOENT : content[to] ? EEXIST : 0;

    if (client_reply(client, OP_LINK, link(from_path, to_path), due) && due == 0) {
        content[to] = content[from];
    }
}

static void unlink_it(struct client *client, unsigned number, const char *path)
{
    if (client_reply(client, OP_UNLINK, unlink(path), content[number] ? 0 : ENOENT)) {
        content[number] = 0;
    }
}

/* How many names a file has must be what stat() says. */
static void count_links(struct client *client, unsigned number, const char *path)
{
    struct stat status;
    unsigned links = 0;

    if (!client_reply(client, OP_STAT, lstat(path, &status), content[number] ? 0 : ENOENT) || !content[number]) {
        return;
    }
    for (unsigned other = 0; other < NAMES; other++) {
        links += content[other] == content[number];
    }
    if (status.st_nlink != links) {
        client_wrong(client, "number of links", path);
    }
}

/* A symbolic link that lives only for this step. */
static void follow(struct client *client, unsigned number, const char *path)
{
    char link_path[PATH_BYTES];
    char target[PATH_BYTES];
    ssize_t length;

    client_path(client, link_path, sizeof link_path, "symbolic", number);
    if (!client_reply(client, OP_SYMLINK, symlink(path, link_path), 0)) {
        return;
    }
    length = readlink(link_path, target, sizeof target);
    if (client_reply(client, OP_READLINK, length, 0) &&
        ((size_t)length != strlen(path) || memcmp(target, path, (size_t)length) != 0)) {
        client_wrong(client, "target", link_path);
    }
    check(client, number, link_path);
    client_reply(client, OP_UNLINK, unlink(link_path), 0);
}

int variant_renamer(struct client *client)
{
    char first_path[PATH_BYTES];
    char second_path[PATH_BYTES];

    while (client->operations < client->operations_wanted) {
        unsigned first = (unsigned)client_random(client, NAMES);
        unsigned second = (unsigned)client_random(client, NAMES);

        client_path(client, first_path, sizeof first_path, "name", first);
        client_path(client, second_path, sizeof second_path, "name", second);
        switch (client_random(client, 10)) {
        case 0:
        case 1:
        case 2:
            make(client, first, first_path);
            break;
        case 3:
        case 4:
            rename_it(client, first, second, first_path, second_path);
            break;
        case 5:
            link_it(client, first, second, first_path, second_path);
            break;
        case 6:
            unlink_it(client, first, first_path);
            break;
        case 7:
            count_links(client, first, first_path);
            break;
        case 8:
            follow(client, first, first_path);
            break;
        default:
            check(client, first, first_path);
            break;
        }
    }
    return 0;
}
