/* SPDX-License-Identifier: MIT */
/*
 * Pipes, and files whose offset is shared with other processes.
 *
 * Rule: an end of a pipe is one description here and one bit in the process service. A write of up to PIPE_BUF bytes is one call,
 * which puts all of them in or none; the service tells who waited for room to come again.
 */
#include "newlib/pipes.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "newlib/proc.h"
#include "newlib/signals.h"

static uint64_t bit_of(uint32_t number)
{
    return (uint64_t)1 << number;
}

int pipe2(int descriptors[2], int flags)
{
    int close_on_exec = flags & O_CLOEXEC ? FD_CLOEXEC : 0;
    int64_t pipe = glue_result(glue_proc(PROC_PIPE, 0, 0, 0));
    struct open_file *ends[2] = {NULL, NULL};

    if (pipe < 0) {
        return -1;
    }
    ends[0] = glue_file_new(OPEN_PIPE, (uint32_t)pipe, O_RDONLY | (flags & O_NONBLOCK));
    ends[1] = ends[0] ? glue_file_new(OPEN_PIPE, (uint32_t)pipe, O_WRONLY | (flags & O_NONBLOCK)) : NULL;
    descriptors[0] = ends[1] ? glue_descriptor_new(ends[0], 0, close_on_exec) : -1;
    descriptors[1] = descriptors[0] >= 0 ? glue_descriptor_new(ends[1], 0, close_on_exec) : -1;
    if (descriptors[1] >= 0) {
        return 0;
    }
    if (descriptors[0] >= 0) {
        glue_descriptors[descriptors[0]].file = NULL;
    }
    for (int end = 0; end < 2; end++) {
        if (ends[end]) {
            ends[end]->references = 0;
        }
    }
    glue_proc(PROC_CLOSE, bit_of((uint32_t)pipe), bit_of((uint32_t)pipe), 0);
    return -1;
}

int pipe(int descriptors[2])
{
    return pipe2(descriptors, 0);
}

int64_t glue_pipe_close(const struct open_file *file)
{
    int reads = (file->flags & O_ACCMODE) == O_RDONLY;

    return glue_proc(PROC_CLOSE, reads ? bit_of(file->handle) : 0, reads ? 0 : bit_of(file->handle), 0);
}

ssize_t glue_pipe_read(struct open_file *file, void *buffer, size_t bytes)
{
    size_t wanted = bytes < PROC_WRITE_BYTES ? bytes : PROC_WRITE_BYTES;
    int64_t got;

    if (bytes == 0) {
        return 0;
    }
    do {
        got = glue_proc(PROC_READ, file->handle, wanted, file->flags & O_NONBLOCK ? PROC_NO_WAIT : 0);
    } while (got == -PE_INTR && glue_signals_restart());
    if (got > 0) {
        memcpy(buffer, pd_message(), (size_t)got);
    }
    return glue_result(got);
}

/* One call; 0: come again. */
static int64_t write_part(const struct open_file *file, const uint8_t *buffer, size_t part, uint64_t flags)
{
    struct pd_call call = {.word = {file->handle, part, flags, 0}, .transfer = pd_transfer_message(part)};

    memcpy(pd_message(), buffer, part);
    return glue_proc_call(PROC_WRITE, &call);
}

ssize_t glue_pipe_write(struct open_file *file, const uint8_t *buffer, size_t bytes)
{
    uint64_t flags = (file->flags & O_NONBLOCK ? PROC_NO_WAIT : 0) | (bytes > PROC_WRITE_BYTES ? PROC_PARTIAL : 0);
    size_t done = 0;

    while (done < bytes) {
        size_t part = bytes - done < PROC_WRITE_BYTES ? bytes - done : PROC_WRITE_BYTES;
        int64_t got = write_part(file, buffer + done, part, flags);

        if (got == -PE_PIPE) {
            raise(SIGPIPE);
        }
        if (got < 0 && (got != -PE_INTR || done || !glue_signals_restart())) {
            return done ? (ssize_t)done : glue_result(got);
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

void glue_pipe_stat(const struct open_file *file, struct stat *answer)
{
    *answer = (struct stat){
        .st_mode = S_IFIFO | 0600,
        .st_nlink = 1,
        .st_ino = (ino_t)file->handle + 1,
        .st_blksize = PROC_WRITE_BYTES,
    };
}

/* ---- shared offsets ---- */

static int64_t offset_take(const struct open_file *file, uint64_t *offset)
{
    struct pd_call call = {.word = {file->shared_offset, 0, 0, 0}};
    int64_t result = glue_proc_call(PROC_OFFSET_TAKE, &call);

    *offset = call.word[1];
    return result;
}

static int64_t offset_put(const struct open_file *file, uint64_t offset)
{
    return glue_proc(PROC_OFFSET_PUT, file->shared_offset, offset, 0);
}

/* The end of a file, where O_APPEND writes. */
static int64_t end_of(const struct open_file *file)
{
    return glue_word_call(FS_SEEK, file->handle, 0, FS_SEEK_END);
}

ssize_t glue_shared_transfer(struct open_file *file, void *buffer, size_t bytes, int reading)
{
    uint64_t offset;
    int64_t result = offset_take(file, &offset);
    ssize_t got;

    if (result < 0) {
        return glue_result(result);
    }
    if (!reading && (file->flags & O_APPEND) && (result = end_of(file)) >= 0) {
        offset = (uint64_t)result;
    }
    got = glue_transfer_at(file, buffer, bytes, offset, reading);
    offset_put(file, got > 0 ? offset + (uint64_t)got : offset);
    return got;
}

off_t glue_shared_seek(struct open_file *file, off_t offset, int whence)
{
    uint64_t before;
    int64_t result = offset_take(file, &before);

    if (result < 0) {
        return glue_result(result);
    }
    if (whence == SEEK_CUR && __builtin_add_overflow((int64_t)before, offset, &offset)) {
        result = -PE_OVERFLOW;
    } else {
        result = glue_word_call(FS_SEEK, file->handle, (uint64_t)offset, whence == SEEK_CUR ? SEEK_SET : (uint64_t)whence);
    }
    offset_put(file, result < 0 ? before : (uint64_t)result);
    return glue_result(result);
}
