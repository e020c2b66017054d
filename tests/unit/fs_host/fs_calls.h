/* SPDX-License-Identifier: MIT */
/*
 * Calls of the file server by name, made by a client of the build machine's kernel (fs_host.h).
 *
 * Rule: paths end with NUL; results are the server's; what a reply holds beside its result is in host_reply.
 */
#ifndef TESTS_FS_CALLS_H
#define TESTS_FS_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/fs.h"

int64_t fs_open(uint32_t client, const char *path, uint64_t flags, uint32_t mode);
int64_t fs_close(uint32_t client, int64_t handle);
int64_t fs_read(uint32_t client, int64_t handle, void *to, uint32_t count);
int64_t fs_write(uint32_t client, int64_t handle, const void *from, uint32_t count);
int64_t fs_pread(uint32_t client, int64_t handle, void *to, uint32_t count, uint64_t offset);
int64_t fs_pwrite(uint32_t client, int64_t handle, const void *from, uint32_t count, uint64_t offset);
int64_t fs_seek(uint32_t client, int64_t handle, int64_t offset, uint32_t whence);
int64_t fs_stat(uint32_t client, const char *path, bool no_follow, struct fs_stat *stat);
int64_t fs_fstat(uint32_t client, int64_t handle, struct fs_stat *stat);
int64_t fs_path(uint32_t client, uint32_t operation, const char *path, uint64_t word0, uint64_t word1, uint64_t word2);
int64_t fs_paths(uint32_t client, uint32_t operation, const char *old_path, const char *new_path);
int64_t fs_handle_call(uint32_t client, uint32_t operation, int64_t handle, uint64_t word1, uint64_t word2);
int64_t fs_simple(uint32_t client, uint32_t operation);

#endif
