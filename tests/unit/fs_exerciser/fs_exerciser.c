/* SPDX-License-Identifier: MIT */
/* Random operations on two file systems (fs_exerciser.h). */
#define _GNU_SOURCE 1
#include "fs_exerciser.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "same.h"
#include "tests/unit/fs_host/fs_calls.h"
#include "tests/unit/fs_host/fs_host.h"

#define CLIENTS 3

static int cwd[CLIENTS];
static int outside = -1;

/* ---- Random arguments ---- */

static void random_component(char *to)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "longer-name-of-a-file", ".", ".."};
    uint64_t choice = host_below(60);

    if (choice == 0) {
        size_t length = 250 + host_below(8);

        memset(to, 'x', length);
        to[length] = 0;
    } else {
        strcpy(to, names[choice < 52 ? host_below(6) : 6 + host_below(2)]);
    }
}

static void random_path(char *to)
{
    uint64_t depth = 1 + host_below(3) + host_below(2);

    *to = 0;
    if (host_below(5) == 0) {
        strcat(to, "/");
    }
    for (uint64_t level = 0; level < depth; level++) {
        random_component(to + strlen(to));
        if (level + 1 < depth || host_below(20) == 0) {
            strcat(to, host_below(30) == 0 ? "//" : "/");
        }
    }
}

/* ---- One step each ---- */

static const struct {
    uint64_t server;
    int host;
} open_flags[] = {{FS_O_CREATE, O_CREAT},       {FS_O_EXCLUSIVE, O_EXCL},   {FS_O_TRUNCATE, O_TRUNC},
                  {FS_O_APPEND, O_APPEND},      {FS_O_NO_FOLLOW, O_NOFOLLOW}, {FS_O_DIRECTORY, O_DIRECTORY}};

static bool step_open(uint32_t client)
{
    char path[2000];
    uint64_t access = host_below(3);
    uint64_t flags = access;
    int host_flags = (int)access;
    uint32_t place = files_choose();
    int64_t result;
    int descriptor;

    if (files_is_open(place)) {
        return true;
    }
    random_path(path);
    for (uint32_t index = 0; index < 6; index++) {
        static const uint32_t one_in[] = {2, 8, 4, 5, 10, 12};

        if (host_below(one_in[index]) == 0) {
            flags |= open_flags[index].server;
            host_flags |= open_flags[index].host;
        }
    }
    if (flags & FS_O_CREATE && flags & FS_O_DIRECTORY) {
        return true; /* Linux changed its mind about this combination */
    }
    if (!(flags & FS_O_CREATE)) {
        flags &= ~(uint64_t)FS_O_EXCLUSIVE;
        host_flags &= ~O_EXCL;
    }
    if (flags & FS_O_TRUNCATE && access == 0) {
        return true; /* undefined by POSIX */
    }
    say("client %u open %.30s flags %lx", client, path, (unsigned long)flags);
    descriptor = openat(cwd[client], path, host_flags, 0640);
    result = fs_open(client, path, flags, 0640);
    if (!same(result < 0 ? result : 0, descriptor < 0 ? -1 : 0)) {
        return false;
    }
    if (result >= 0) {
        files_add(place, client, result, descriptor);
    }
    return true;
}

static bool step_stat(uint32_t client, bool no_follow)
{
    char path[2000];
    struct fs_stat server;
    struct stat host;
    int64_t result;

    random_path(path);
    say("client %u stat %.30s", client, path);
    int expected = fstatat(cwd[client], path, &host, no_follow ? AT_SYMLINK_NOFOLLOW : 0);

    result = fs_stat(client, path, no_follow, &server);
    return same(result, expected) && (result < 0 || same_status(&server, &host));
}

static bool step_one_path(uint32_t client, uint32_t operation)
{
    char path[2000];
    int64_t server = 0;
    int host = 0;
    uint64_t word = 0;

    random_path(path);
    switch (operation) {
    case FS_UNLINK:
        host = unlinkat(cwd[client], path, 0);
        break;
    case FS_RMDIR:
        host = unlinkat(cwd[client], path, AT_REMOVEDIR);
        break;
    case FS_MKDIR:
        word = 0755;
        host = mkdirat(cwd[client], path, 0755);
        break;
    case FS_CHMOD:
        word = host_below(01000);
        host = fchmodat(cwd[client], path, (mode_t)word, 0);
        break;
    case FS_ACCESS:
        word = host_below(8);
        host = faccessat(cwd[client], path, (int)word, 0);
        break;
    case FS_TRUNCATE: {
        int here = open(".", O_RDONLY | O_DIRECTORY);

        word = random_offset();
        host = fchdir(cwd[client]) == 0 ? truncate(path, (off_t)word) : -1;
        int kept = errno;

        assert(fchdir(here) == 0);
        close(here);
        errno = kept;
        break;
    }
    default:
        break;
    }
    int kept = errno;

    say("client %u operation %u %.30s word %lu", client, operation, path,
             (unsigned long)word);
    server = fs_path(client, operation, path, word, 0, 0);
    errno = kept;
    return same(server, host);
}

static bool step_two_paths(uint32_t client, uint32_t operation)
{
    char old_path[2000];
    char new_path[2000];
    int host;

    random_path(old_path);
    random_path(new_path);
    switch (operation) {
    case FS_RENAME:
        host = renameat(cwd[client], old_path, cwd[client], new_path);
        break;
    case FS_LINK:
        host = linkat(cwd[client], old_path, cwd[client], new_path, 0);
        break;
    default:
        if (host_below(4) == 0) {
            memset(old_path, 't', 200);
            strcpy(old_path + 200, "/x");
        }
        host = symlinkat(old_path, cwd[client], new_path);
        break;
    }
    int kept = errno;

    say("client %u operation %u %.30s to %.30s", client, operation, old_path,
             new_path);
    int64_t server = fs_paths(client, operation, old_path, new_path);

    errno = kept;
    return same(server, host);
}

static bool step_readlink(uint32_t client)
{
    char path[2000];
    char target[4096];

    random_path(path);
    say("client %u readlink %.30s", client, path);
    ssize_t host = readlinkat(cwd[client], path, target, sizeof(target));
    int64_t server = fs_path(client, FS_READLINK, path, 0, 0, 0);

    if (!same(server, host)) {
        return false;
    }
    return host < 0 || memcmp(target, host_reply.message, (size_t)host) == 0 ? true : complain("targets differ");
}

static bool step_chdir(uint32_t client)
{
    char path[2000];
    int descriptor;
    int64_t result;

    random_path(path);
    say("client %u chdir %.30s", client, path);
    descriptor = openat(cwd[client], path, O_RDONLY | O_DIRECTORY);
    result = fs_path(client, FS_CHDIR, path, 0, 0, 0);
    if (!same(result, descriptor < 0 ? -1 : 0)) {
        return false;
    }
    if (descriptor >= 0) {
        close(cwd[client]);
        cwd[client] = descriptor;
    }
    return true;
}

/* POSIX removes ".." with a directory, Linux keeps it: leave a removed working directory. */
static bool leave_removed(uint32_t client)
{
    struct stat status;

    if (fstat(cwd[client], &status) == 0 && status.st_nlink > 0) {
        return true;
    }
    say("client %u leaves a removed directory", client);
    close(cwd[client]);
    cwd[client] = open("/", O_RDONLY | O_DIRECTORY);
    return same(fs_path(client, FS_CHDIR, ".", 0, 0, 0), newlib_errno(ENOENT)) &&
           same(fs_path(client, FS_CHDIR, "/", 0, 0, 0), 0);
}

static bool step(void)
{
    static const uint32_t one[] = {FS_UNLINK, FS_RMDIR, FS_MKDIR, FS_MKDIR, FS_CHMOD, FS_ACCESS, FS_TRUNCATE};
    static const uint32_t two[] = {FS_RENAME, FS_RENAME, FS_RENAME, FS_LINK, FS_SYMLINK};
    uint32_t client = (uint32_t)host_below(CLIENTS);

    if (!leave_removed(client)) {
        return false;
    }
    switch (host_below(20)) {
    case 0:
    case 1:
    case 2:
        return step_open(client);
    case 3:
    case 4:
    case 5:
        return step_one_path(client, one[host_below(7)]);
    case 6:
    case 7:
        return step_two_paths(client, two[host_below(5)]);
    case 8:
        return step_stat(client, host_below(2) == 0);
    case 9:
        return step_readlink(client);
    case 10:
        return host_below(10) != 0 || step_chdir(client);
    default:
        return files_step();
    }
}

void exerciser_start(const char *directory)
{
    assert(host_run("rm -rf %s && mkdir -p %s/lost+found && chmod 755 %s && chmod 700 %s/lost+found", directory, directory,
                    directory, directory) == 0);
    outside = open("/", O_RDONLY | O_DIRECTORY);
    umask(0);
    assert(outside >= 0 && chdir(directory) == 0 && chroot(".") == 0);
    for (uint32_t client = 0; client < CLIENTS; client++) {
        cwd[client] = open("/", O_RDONLY | O_DIRECTORY);
        assert(cwd[client] >= 0);
    }
    files_start();
}

bool exerciser_run(uint64_t steps)
{
    for (uint64_t count = 0; count < steps; count++) {
        if (!step()) {
            fprintf(stderr, "at step %lu\n", (unsigned long)count);
            return false;
        }
    }
    return true;
}

void exerciser_end(void)
{
    files_close();
    for (uint32_t client = 0; client < CLIENTS; client++) {
        close(cwd[client]);
        host_unbind(client);
    }
    assert(fchdir(outside) == 0 && chroot(".") == 0);
    close(outside);
}
