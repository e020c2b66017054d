/* SPDX-License-Identifier: MIT */
/*
 * The console, and the names under /dev that need no device: null, zero, random, urandom, tty, console, stdin, stdout,
 * stderr. Rule: a name here hides a file of that name on the disk.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/rng.h"
#include "newlib/pipes.h"
#include "newlib/signals.h"

#define DEVICE_NUMBER_CONSOLE 0x0501
#define DEVICE_NUMBER_MEMORY 0x0100

enum open_file_kind glue_device(const char *path, uint32_t *handle)
{
    static const struct {
        const char *name;
        uint8_t kind;
        uint8_t handle;
    } names[] = {
        {"null", OPEN_NULL, 0},
        {"zero", OPEN_ZERO, 0},
        {"random", OPEN_RANDOM, 0},
        {"urandom", OPEN_RANDOM, 0},
        {"tty", OPEN_CONSOLE, CONSOLE_STREAM_OUTPUT},
        {"console", OPEN_CONSOLE, CONSOLE_STREAM_OUTPUT},
        {"stdin", OPEN_CONSOLE, CONSOLE_STREAM_OUTPUT},
        {"stdout", OPEN_CONSOLE, CONSOLE_STREAM_OUTPUT},
        {"stderr", OPEN_CONSOLE, CONSOLE_STREAM_ERROR},
    };

    if (path[0] != '/' || path[1] != 'd' || path[2] != 'e' || path[3] != 'v' || path[4] != '/') {
        return OPEN_NONE;
    }
    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        if (strcmp(path + 5, names[index].name) == 0) {
            *handle = names[index].handle;
            return names[index].kind;
        }
    }
    return OPEN_NONE;
}

static ssize_t console_read(void *buffer, size_t bytes)
{
    struct pd_call call;
    int64_t got;

    if (bytes == 0) {
        return 0;
    }
    do {
        call = (struct pd_call){.word = {bytes > MESSAGE_BYTES ? MESSAGE_BYTES : bytes, 0, 0, 0}};
        got = pd_portal_call(SLOT_CONSOLE, CONSOLE_READ, &call);
    } while (got == -PE_INTR && glue_signals_restart());
    if (got > 0) {
        memcpy(buffer, pd_message(), (size_t)got);
    }
    return glue_result(got);
}

static ssize_t console_write(uint32_t stream, const uint8_t *buffer, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        size_t part = bytes - done > MESSAGE_BYTES ? MESSAGE_BYTES : bytes - done;
        struct pd_call call = {.word = {stream, part, 0, 0}, .transfer = pd_transfer_message(part)};
        int64_t got;

        memcpy(pd_message(), buffer + done, part);
        got = pd_portal_call(SLOT_CONSOLE, CONSOLE_WRITE, &call);
        if (got == -PE_AGAIN) { /* the far end takes its time */
            usleep(1000);
            continue;
        }
        if (got <= 0) {
            return done ? (ssize_t)done : glue_result(got);
        }
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static ssize_t random_read(uint8_t *buffer, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        size_t part = bytes - done;
        struct pd_call call = {0};
        int64_t result;

        if (part > MESSAGE_BYTES) {
            part = MESSAGE_BYTES;
        }
        call.word[0] = (part + 7) / 8;
        result = pd_portal_call(SLOT_RNG, RNG_NEXT, &call);
        if (result < 0) {
            return glue_result(result);
        }
        memcpy(buffer + done, pd_message(), part);
        done += part;
    }
    return (ssize_t)done;
}

ssize_t glue_device_read(struct open_file *file, void *buffer, size_t bytes)
{
    switch (file->kind) {
    case OPEN_PIPE:
        return glue_pipe_read(file, buffer, bytes);
    case OPEN_SHARED:
        return glue_shared_transfer(file, buffer, bytes, 1);
    case OPEN_CONSOLE:
        return console_read(buffer, bytes);
    case OPEN_ZERO:
        memset(buffer, 0, bytes);
        return (ssize_t)bytes;
    case OPEN_RANDOM:
        return random_read(buffer, bytes);
    default:
        return 0;
    }
}

ssize_t glue_device_write(struct open_file *file, const void *buffer, size_t bytes)
{
    if (file->kind == OPEN_CONSOLE) {
        if (file->handle == 0) {
            errno = EBADF;
            return -1;
        }
        return console_write(file->handle, buffer, bytes);
    }
    if (file->kind == OPEN_PIPE) {
        return glue_pipe_write(file, buffer, bytes);
    }
    if (file->kind == OPEN_SHARED) {
        return glue_shared_transfer(file, (void *)buffer, bytes, 0);
    }
    return (ssize_t)bytes;
}

void glue_device_stat(const struct open_file *file, struct stat *answer)
{
    if (file->kind == OPEN_PIPE) {
        glue_pipe_stat(file, answer);
        return;
    }
    *answer = (struct stat){
        .st_mode = S_IFCHR | 0666,
        .st_nlink = 1,
        .st_rdev = file->kind == OPEN_CONSOLE ? DEVICE_NUMBER_CONSOLE : DEVICE_NUMBER_MEMORY + file->kind,
        .st_ino = file->kind,
        .st_blksize = 1024,
    };
}

int getentropy(void *buffer, size_t bytes)
{
    if (bytes > 256) {
        errno = EIO;
        return -1;
    }
    return random_read(buffer, bytes) < 0 ? -1 : 0;
}
