/* SPDX-License-Identifier: MIT */
/* Steps on open files (files.h). */
#define _GNU_SOURCE 1
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "same.h"
#include "tests/unit/fs_host/fs_calls.h"
#include "tests/unit/fs_host/fs_host.h"

#define FILES 24
#define CHUNK 70000

struct open_file {
    int64_t handle;
    int descriptor;
    uint32_t client;
    bool used;
};

static struct open_file files[FILES];
static uint8_t pattern[CHUNK];
static uint8_t ours[CHUNK];
static uint8_t theirs[CHUNK];

uint64_t random_offset(void)
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

static bool step_close(struct open_file *file)
{
    say("close %ld", (long)file->handle);
    file->used = false;
    return same(fs_close(file->client, file->handle), close(file->descriptor));
}

static bool step_read(struct open_file *file, bool positioned)
{
    uint32_t count = random_count();
    uint64_t offset = random_offset();
    int64_t server;
    ssize_t host;

    say("read %ld count %u offset %lu", (long)file->handle, count,
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
    return host <= 0 || memcmp(ours, theirs, (size_t)host) == 0 ? true : complain("contents differ");
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
    say("write %ld count %u offset %lu", (long)file->handle, count,
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
    say("seek %ld to %ld whence %u", (long)file->handle, (long)offset, whence);
    return same(fs_seek(file->client, file->handle, offset, whence), lseek(file->descriptor, offset, (int)whence));
}

static bool step_fstat(struct open_file *file)
{
    struct fs_stat server;
    struct stat host;

    say("fstat %ld", (long)file->handle);
    fstat(file->descriptor, &host);
    return same(fs_fstat(file->client, file->handle, &server), 0) && same_status(&server, &host);
}

static bool step_ftruncate(struct open_file *file)
{
    uint64_t size = random_offset();

    say("ftruncate %ld to %lu", (long)file->handle, (unsigned long)size);
    return same(fs_handle_call(file->client, FS_FTRUNCATE, file->handle, size, 0),
                ftruncate(file->descriptor, (off_t)size));
}

static bool step_list(struct open_file *file)
{
    struct stat status;

    say("list %ld", (long)file->handle);
    fstat(file->descriptor, &status);
    if (!S_ISDIR(status.st_mode) || status.st_nlink == 0) {
        return true;
    }
    if (fs_seek(file->client, file->handle, 0, 0) != 0) {
        return complain("cannot rewind");
    }
    return same_listing(file->client, file->handle, file->descriptor);
}

bool files_step(void)
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

void files_start(void)
{
    memset(files, 0, sizeof(files));
    for (uint32_t index = 0; index < CHUNK; index++) {
        pattern[index] = (uint8_t)host_random();
    }
}

uint32_t files_choose(void)
{
    return (uint32_t)host_below(FILES);
}

bool files_is_open(uint32_t place)
{
    return files[place].used;
}

void files_add(uint32_t place, uint32_t client, int64_t handle, int descriptor)
{
    files[place] = (struct open_file){.handle = handle, .descriptor = descriptor, .client = client, .used = true};
}

void files_close(void)
{
    for (uint32_t index = 0; index < FILES; index++) {
        if (files[index].used) {
            step_close(&files[index]);
        }
    }
}
