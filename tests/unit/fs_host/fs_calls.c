/* SPDX-License-Identifier: MIT */
/* Calls of the file server by name (fs_calls.h). */
#include "fs_calls.h"

#include <assert.h>
#include <string.h>

#include "fs_host.h"
#include "servers/common/server.h"

static int64_t call(uint32_t client, uint32_t operation, uint64_t word0, uint64_t word1, uint64_t word2,
                    const void *message, uint32_t bytes)
{
    uint64_t words[4] = {word0, word1, word2, 0};

    return host_call(client, operation, words, message, bytes, NULL, 0, 0);
}

int64_t fs_path(uint32_t client, uint32_t operation, const char *path, uint64_t word0, uint64_t word1, uint64_t word2)
{
    return call(client, operation, word0, word1, word2, path, (uint32_t)strlen(path));
}

int64_t fs_paths(uint32_t client, uint32_t operation, const char *old_path, const char *new_path)
{
    char message[4096];
    size_t first = strlen(old_path) + 1;

    assert(first + strlen(new_path) <= sizeof(message));
    memcpy(message, old_path, first);
    memcpy(message + first, new_path, strlen(new_path));
    return call(client, operation, 0, 0, 0, message, (uint32_t)(first + strlen(new_path)));
}

int64_t fs_handle_call(uint32_t client, uint32_t operation, int64_t handle, uint64_t word1, uint64_t word2)
{
    return call(client, operation, (uint64_t)handle, word1, word2, NULL, 0);
}

int64_t fs_simple(uint32_t client, uint32_t operation)
{
    return call(client, operation, 0, 0, 0, NULL, 0);
}

int64_t fs_open(uint32_t client, const char *path, uint64_t flags, uint32_t mode)
{
    return fs_path(client, FS_OPEN, path, flags, mode, 0);
}

int64_t fs_close(uint32_t client, int64_t handle)
{
    return fs_handle_call(client, FS_CLOSE, handle, 0, 0);
}

/* Short transfers go through the message page, the others are lent. */
static int64_t read_call(uint32_t client, uint32_t operation, int64_t handle, void *to, uint32_t count,
                         uint64_t offset)
{
    uint64_t words[4] = {(uint64_t)handle, count, offset, 0};
    int64_t result;

    if (count > 4096 || count % 3 == 0) {
        return host_call(client, operation, words, NULL, 0, to, count, count > 0 ? REQUEST_LENT_OUT : 0);
    }
    result = host_call(client, operation, words, NULL, 0, NULL, 0, 0);
    if (result > 0) {
        memcpy(to, host_reply.message, (size_t)result);
    }
    return result;
}

static int64_t write_call(uint32_t client, uint32_t operation, int64_t handle, const void *from, uint32_t count,
                          uint64_t offset)
{
    uint64_t words[4] = {(uint64_t)handle, count, offset, 0};

    if (count > 4096 || count % 3 == 0) {
        return host_call(client, operation, words, NULL, 0, (void *)from, count, count > 0 ? REQUEST_LENT_IN : 0);
    }
    return host_call(client, operation, words, from, count, NULL, 0, 0);
}

int64_t fs_read(uint32_t client, int64_t handle, void *to, uint32_t count)
{
    return read_call(client, FS_READ, handle, to, count, 0);
}

int64_t fs_write(uint32_t client, int64_t handle, const void *from, uint32_t count)
{
    return write_call(client, FS_WRITE, handle, from, count, 0);
}

int64_t fs_pread(uint32_t client, int64_t handle, void *to, uint32_t count, uint64_t offset)
{
    return read_call(client, FS_PREAD, handle, to, count, offset);
}

int64_t fs_pwrite(uint32_t client, int64_t handle, const void *from, uint32_t count, uint64_t offset)
{
    return write_call(client, FS_PWRITE, handle, from, count, offset);
}

int64_t fs_seek(uint32_t client, int64_t handle, int64_t offset, uint32_t whence)
{
    return fs_handle_call(client, FS_SEEK, handle, (uint64_t)offset, whence);
}

int64_t fs_stat(uint32_t client, const char *path, bool no_follow, struct fs_stat *stat)
{
    int64_t result = fs_path(client, FS_STAT, path, no_follow, 0, 0);

    if (result == 0) {
        memcpy(stat, host_reply.message, sizeof(*stat));
    }
    return result;
}

int64_t fs_fstat(uint32_t client, int64_t handle, struct fs_stat *stat)
{
    int64_t result = fs_handle_call(client, FS_FSTAT, handle, 0, 0);

    if (result == 0) {
        memcpy(stat, host_reply.message, sizeof(*stat));
    }
    return result;
}
