/* SPDX-License-Identifier: MIT */
/* Random operations on two file systems (fs_exerciser.h). */
#define _GNU_SOURCE 1
#include "fs_exerciser.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/posix_errno.h"
#include "fs_host.h"

#define FILES   24
#define CLIENTS 3
#define CHUNK   70000

struct open_file {
    int64_t handle;
    int descriptor;
    uint32_t client;
    bool used;
};

static struct open_file files[FILES];
static int cwd[CLIENTS];
static int outside = -1;
static uint8_t pattern[CHUNK];
static uint8_t ours[CHUNK];
static uint8_t theirs[CHUNK];
static char step_text[9000];

static int64_t newlib_errno(int host)
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

/* A result of the server against one of the build machine: -1 stands for errno, less is an error itself. */
static bool same(int64_t server, int64_t host)
{
    int64_t expected = host == -1 ? newlib_errno(errno) : host;

    if (server == expected) {
        return true;
    }
    fprintf(stderr, "%s: server says %ld, expected %ld\n", step_text, (long)server, (long)expected);
    return false;
}

static bool fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", step_text, what);
    return false;
}

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

static uint64_t random_offset(void)
{
    switch (host_below(10)) {
    case 0:
        return host_below(4000000);
    case 1:
        return host_below(64) * 4096;
    default:
        return host_below(150000);
    }
}

static uint32_t random_count(void)
{
    switch (host_below(6)) {
    case 0:
        return (uint32_t)host_below(65537);
    case 1:
        return (uint32_t)(1 + host_below(16)) * 4096;
    default:
        return (uint32_t)host_below(6000);
    }
}

static struct open_file *random_file(void)
{
    for (uint32_t attempt = 0; attempt < 50; attempt++) {
        struct open_file *file = &files[host_below(FILES)];

        if (file->used) {
            return file;
        }
    }
    return NULL;
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
    struct open_file *file = &files[host_below(FILES)];
    int64_t result;
    int descriptor;

    if (file->used) {
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
    snprintf(step_text, sizeof(step_text), "client %u open %.30s flags %lx", client, path, (unsigned long)flags);
    descriptor = openat(cwd[client], path, host_flags, 0640);
    result = fs_open(client, path, flags, 0640);
    if (!same(result < 0 ? result : 0, descriptor < 0 ? -1 : 0)) {
        return false;
    }
    if (result >= 0) {
        *file = (struct open_file){.handle = result, .descriptor = descriptor, .client = client, .used = true};
    }
    return true;
}

static bool step_close(struct open_file *file)
{
    snprintf(step_text, sizeof(step_text), "close %ld", (long)file->handle);
    file->used = false;
    return same(fs_close(file->client, file->handle), close(file->descriptor));
}

static bool step_read(struct open_file *file, bool positioned)
{
    uint32_t count = random_count();
    uint64_t offset = random_offset();
    int64_t server;
    ssize_t host;

    snprintf(step_text, sizeof(step_text), "read %ld count %u offset %lu", (long)file->handle, count,
             positioned ? (unsigned long)offset : 0);
    memset(ours, 1, sizeof(ours));
    memset(theirs, 1, sizeof(theirs));
    if (positioned) {
        host = pread(file->descriptor, theirs, count, (off_t)offset);
        server = fs_pread(file->client, file->handle, ours, count, offset);
    } else {
        host = read(file->descriptor, theirs, count);
        server = fs_read(file->client, file->handle, ours, count);
    }
    if (!same(server, host)) {
        return false;
    }
    return host <= 0 || memcmp(ours, theirs, (size_t)host) == 0 ? true : fail("contents differ");
}

static bool step_write(struct open_file *file, bool positioned)
{
    uint32_t count = random_count();
    uint64_t offset = random_offset();
    const uint8_t *data = pattern + host_below(CHUNK - count);
    bool appends = (fcntl(file->descriptor, F_GETFL) & O_APPEND) != 0;
    int64_t server;
    ssize_t host;

    if (positioned && appends) {
        return true; /* Linux appends against POSIX */
    }
    snprintf(step_text, sizeof(step_text), "write %ld count %u offset %lu", (long)file->handle, count,
             positioned ? (unsigned long)offset : 0);
    if (positioned) {
        host = pwrite(file->descriptor, data, count, (off_t)offset);
        server = fs_pwrite(file->client, file->handle, data, count, offset);
    } else {
        host = write(file->descriptor, data, count);
        server = fs_write(file->client, file->handle, data, count);
    }
    return same(server, host);
}

static bool step_seek(struct open_file *file)
{
    int64_t offset = (int64_t)random_offset() - (host_below(3) == 0 ? 60000 : 0);
    uint32_t whence = (uint32_t)host_below(3);
    struct stat status;

    fstat(file->descriptor, &status);
    if (S_ISDIR(status.st_mode)) {
        offset = 0;
        whence = 0;
    }
    snprintf(step_text, sizeof(step_text), "seek %ld to %ld whence %u", (long)file->handle, (long)offset, whence);
    return same(fs_seek(file->client, file->handle, offset, whence), lseek(file->descriptor, offset, (int)whence));
}

static bool same_status(const struct fs_stat *server, const struct stat *host)
{
    if (server->mode != host->st_mode || server->links != host->st_nlink || server->uid != host->st_uid ||
        server->gid != host->st_gid) {
        return fail("mode, links or owner differ");
    }
    if (!S_ISDIR(host->st_mode) && server->size != (uint64_t)host->st_size) {
        return fail("size differs");
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
    snprintf(step_text, sizeof(step_text), "client %u stat %.30s", client, path);
    int expected = fstatat(cwd[client], path, &host, no_follow ? AT_SYMLINK_NOFOLLOW : 0);

    result = fs_stat(client, path, no_follow, &server);
    return same(result, expected) && (result < 0 || same_status(&server, &host));
}

static bool step_fstat(struct open_file *file)
{
    struct fs_stat server;
    struct stat host;

    snprintf(step_text, sizeof(step_text), "fstat %ld", (long)file->handle);
    fstat(file->descriptor, &host);
    return same(fs_fstat(file->client, file->handle, &server), 0) && same_status(&server, &host);
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

    snprintf(step_text, sizeof(step_text), "client %u operation %u %.30s word %lu", client, operation, path,
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

    snprintf(step_text, sizeof(step_text), "client %u operation %u %.30s to %.30s", client, operation, old_path,
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
    snprintf(step_text, sizeof(step_text), "client %u readlink %.30s", client, path);
    ssize_t host = readlinkat(cwd[client], path, target, sizeof(target));
    int64_t server = fs_path(client, FS_READLINK, path, 0, 0, 0);

    if (!same(server, host)) {
        return false;
    }
    return host < 0 || memcmp(target, host_reply.message, (size_t)host) == 0 ? true : fail("targets differ");
}

static bool step_ftruncate(struct open_file *file)
{
    uint64_t size = random_offset();

    snprintf(step_text, sizeof(step_text), "ftruncate %ld to %lu", (long)file->handle, (unsigned long)size);
    return same(fs_handle_call(file->client, FS_FTRUNCATE, file->handle, size, 0),
                ftruncate(file->descriptor, (off_t)size));
}

static bool step_chdir(uint32_t client)
{
    char path[2000];
    int descriptor;
    int64_t result;

    random_path(path);
    snprintf(step_text, sizeof(step_text), "client %u chdir %.30s", client, path);
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

#define NAMES 20000

static bool same_lists(char **server, int64_t servers, char **host, int64_t hosts)
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
    return equal ? true : fail("directories differ");
}

static bool step_list(struct open_file *file)
{
    static char *server[NAMES];
    static char *host[NAMES];
    struct stat status;
    int64_t servers;

    snprintf(step_text, sizeof(step_text), "list %ld", (long)file->handle);
    fstat(file->descriptor, &status);
    if (!S_ISDIR(status.st_mode) || status.st_nlink == 0) {
        return true;
    }
    if (fs_seek(file->client, file->handle, 0, 0) != 0) {
        return fail("cannot rewind");
    }
    servers = list_server(file->client, file->handle, server);
    if (servers < 0) {
        return fail("cannot list");
    }
    return same_lists(server, servers, host, list_host(file->descriptor, host));
}

static bool step_file(void)
{
    struct open_file *file = random_file();

    if (file == NULL) {
        return true;
    }
    switch (host_below(14)) {
    case 0:
    case 1:
    case 2:
        return step_read(file, false);
    case 3:
        return step_read(file, true);
    case 4:
    case 5:
    case 6:
        return step_write(file, false);
    case 7:
        return step_write(file, true);
    case 8:
        return step_seek(file);
    case 9:
        return step_fstat(file);
    case 10:
        return step_ftruncate(file);
    case 11:
        return step_list(file);
    case 12:
        return host_below(8) != 0 || same(fs_handle_call(file->client, FS_FSYNC, file->handle, 0, 0), 0);
    default:
        return step_close(file);
    }
}

/* POSIX removes ".." with a directory, Linux keeps it: leave a removed working directory. */
static bool leave_removed(uint32_t client)
{
    struct stat status;

    if (fstat(cwd[client], &status) == 0 && status.st_nlink > 0) {
        return true;
    }
    snprintf(step_text, sizeof(step_text), "client %u leaves a removed directory", client);
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
        return step_file();
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
    memset(files, 0, sizeof(files));
    for (uint32_t index = 0; index < CHUNK; index++) {
        pattern[index] = (uint8_t)host_random();
    }
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

/* ---- The whole tree ---- */

static bool compare_file(const char *path)
{
    int64_t handle = fs_open(0, path, 0, 0);
    int descriptor = open(path, O_RDONLY);
    bool equal = handle >= 0 && descriptor >= 0;

    while (equal) {
        int64_t server = fs_read(0, handle, ours, 65536);
        ssize_t host = read(descriptor, theirs, 65536);

        if (server != host || (host > 0 && memcmp(ours, theirs, (size_t)host) != 0)) {
            equal = false;
        }
        if (host <= 0) {
            break;
        }
    }
    close(descriptor);
    fs_close(0, handle);
    return equal ? true : fail("contents differ");
}

static bool compare_tree(const char *path)
{
    char **server = calloc(NAMES, sizeof(char *));
    char **host = calloc(NAMES, sizeof(char *));
    int64_t handle = fs_open(0, path, 0, 0);
    int descriptor = open(path, O_RDONLY | O_DIRECTORY);
    int64_t servers = handle < 0 ? handle : list_server(0, handle, server);
    int64_t hosts = list_host(descriptor, host);
    bool equal = servers == hosts || fail("numbers of entries differ");

    snprintf(step_text, sizeof(step_text), "compare %s", path);
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
        snprintf(step_text, sizeof(step_text), "compare %s", below);
        equal = lstat(below, &theirs_status) == 0 && fs_stat(0, below, true, &ours_status) == 0;
        equal = equal ? same_status(&ours_status, &theirs_status) : fail("is only on one side");
        if (equal && S_ISDIR(theirs_status.st_mode)) {
            equal = compare_tree(below);
        } else if (equal && S_ISREG(theirs_status.st_mode)) {
            equal = compare_file(below);
        }
    }
    snprintf(step_text, sizeof(step_text), "compare %s", path);
    equal = same_lists(server, servers < 0 ? 0 : servers, host, hosts) && equal;
    free(server);
    free(host);
    return equal;
}

bool exerciser_compare_trees(void)
{
    return compare_tree("/");
}

void exerciser_end(void)
{
    for (uint32_t index = 0; index < FILES; index++) {
        if (files[index].used) {
            step_close(&files[index]);
        }
    }
    for (uint32_t client = 0; client < CLIENTS; client++) {
        close(cwd[client]);
        host_unbind(client);
    }
    assert(fchdir(outside) == 0 && chroot(".") == 0);
    close(outside);
}
