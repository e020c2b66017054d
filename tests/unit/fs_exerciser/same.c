/* SPDX-License-Identifier: MIT */
/* Whether both sides are the same (same.h). */
#define _GNU_SOURCE 1
#include "same.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/posix_errno.h"
#include "tests/unit/fs_host/fs_calls.h"
#include "tests/unit/fs_host/fs_host.h"

#define NAMES 20000
#define CHUNK 65536

static char step_text[9000];

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(step_text, sizeof(step_text), format, arguments);
    va_end(arguments);
}

int64_t newlib_errno(int host)
{
    switch (host) {
    case ENOTEMPTY:
        return -PE_NOTEMPTY;
    case ENAMETOOLONG:
        return -PE_NAMETOOLONG;
    case ELOOP:
        return -PE_LOOP;
    case EOVERFLOW:
        return -PE_OVERFLOW;
    default:
        return -host;
    }
}

bool same(int64_t server, int64_t host)
{
    int64_t expected = host == -1 ? newlib_errno(errno) : host;

    if (server == expected) {
        return true;
    }
    fprintf(stderr, "%s: server says %ld, expected %ld\n", step_text, (long)server, (long)expected);
    return false;
}

bool complain(const char *what)
{
    fprintf(stderr, "%s: %s\n", step_text, what);
    return false;
}

bool same_status(const struct fs_stat *server, const struct stat *host)
{
    if (server->mode != host->st_mode || server->links != host->st_nlink || server->uid != host->st_uid ||
        server->gid != host->st_gid) {
        return complain("mode, links or owner differ");
    }
    if (!S_ISDIR(host->st_mode) && server->size != (uint64_t)host->st_size) {
        return complain("size differs");
    }
    return true;
}

/* ---- Directories ---- */

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Names of a directory by the server, sorted. Their number, or an error. */
static int64_t list_server(uint32_t client, int64_t handle, char **names)
{
    int64_t total = 0;
    int64_t count;

    while ((count = fs_handle_call(client, FS_READDIR, handle, 0, 0)) > 0) {
        uint32_t offset = 0;

        for (int64_t index = 0; index < count; index++) {
            const struct fs_dirent *entry = (struct fs_dirent *)(host_reply.message + offset);

            offset += entry->record_bytes;
            names[total++] = strndup((const char *)(entry + 1), entry->name_bytes);
        }
        assert(offset == host_reply.bytes);
    }
    qsort(names, (size_t)total, sizeof(char *), compare_names);
    return count < 0 ? count : total;
}

static int64_t list_host(int descriptor, char **names)
{
    DIR *directory = fdopendir(openat(descriptor, ".", O_RDONLY | O_DIRECTORY));
    struct dirent *entry;
    int64_t total = 0;

    if (directory == NULL) {
        return -1;
    }
    while ((entry = readdir(directory)) != NULL) {
        names[total++] = strdup(entry->d_name);
    }
    closedir(directory);
    qsort(names, (size_t)total, sizeof(char *), compare_names);
    return total;
}

static bool same_names(char **server, int64_t servers, char **host, int64_t hosts)
{
    bool equal = servers == hosts;

    for (int64_t index = 0; index < servers || index < hosts; index++) {
        if (equal && strcmp(server[index], host[index]) != 0) {
            equal = false;
        }
    }
    for (int64_t index = 0; index < servers; index++) {
        free(server[index]);
    }
    for (int64_t index = 0; index < hosts; index++) {
        free(host[index]);
    }
    return equal ? true : complain("directories differ");
}

bool same_listing(uint32_t client, int64_t handle, int descriptor)
{
    char **server = calloc(NAMES, sizeof(char *));
    char **host = calloc(NAMES, sizeof(char *));
    int64_t servers = list_server(client, handle, server);
    bool equal = servers < 0 ? complain("cannot list") : same_names(server, servers, host, list_host(descriptor, host));

    free(server);
    free(host);
    return equal;
}

/* ---- The whole tree ---- */

static bool compare_file(const char *path)
{
    static uint8_t ours[CHUNK];
    static uint8_t theirs[CHUNK];
    int64_t handle = fs_open(0, path, 0, 0);
    int descriptor = open(path, O_RDONLY);
    bool equal = handle >= 0 && descriptor >= 0;

    while (equal) {
        int64_t server = fs_read(0, handle, ours, CHUNK);
        ssize_t host = read(descriptor, theirs, CHUNK);

        if (server != host || (host > 0 && memcmp(ours, theirs, (size_t)host) != 0)) {
            equal = false;
        }
        if (host <= 0) {
            break;
        }
    }
    close(descriptor);
    fs_close(0, handle);
    return equal ? true : complain("contents differ");
}

static bool compare_tree(const char *path)
{
    char **server = calloc(NAMES, sizeof(char *));
    char **host = calloc(NAMES, sizeof(char *));
    int64_t handle = fs_open(0, path, 0, 0);
    int descriptor = open(path, O_RDONLY | O_DIRECTORY);
    int64_t servers = handle < 0 ? handle : list_server(0, handle, server);
    int64_t hosts = list_host(descriptor, host);
    bool equal = servers == hosts || complain("numbers of entries differ");

    say("compare %s", path);
    fs_close(0, handle);
    close(descriptor);
    for (int64_t index = 0; equal && index < hosts; index++) {
        char below[6000];
        struct fs_stat ours_status;
        struct stat theirs_status;

        if (strcmp(host[index], ".") == 0 || strcmp(host[index], "..") == 0) {
            continue;
        }
        snprintf(below, sizeof(below), "%s%s%s", path, strcmp(path, "/") == 0 ? "" : "/", host[index]);
        say("compare %s", below);
        equal = lstat(below, &theirs_status) == 0 && fs_stat(0, below, true, &ours_status) == 0;
        equal = equal ? same_status(&ours_status, &theirs_status) : complain("is only on one side");
        if (equal && S_ISDIR(theirs_status.st_mode)) {
            equal = compare_tree(below);
        } else if (equal && S_ISREG(theirs_status.st_mode)) {
            equal = compare_file(below);
        }
    }
    say("compare %s", path);
    equal = same_names(server, servers < 0 ? 0 : servers, host, hosts) && equal;
    free(server);
    free(host);
    return equal;
}

bool same_trees(void)
{
    return compare_tree("/");
}
