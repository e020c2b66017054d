/* SPDX-License-Identifier: MIT */
/*
 * Contents of regular files and targets of symbolic links.
 *
 * Rule: nothing behind the end of a file is ever seen: what lies there in its last block is zeroed before the file
 * grows over it.
 */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "fs.h"

/*
 * Read up to `count` bytes at `offset` of inode `number`, which is `inode`. The number read (0 at the end), -PE_IO,
 * -PE_FAULT.
 */
int64_t file_read(const struct ext2_inode *inode, uint32_t number, uint64_t offset, uint8_t *to, uint32_t count);

/*
 * Write up to `count` bytes (at most FS_TRANSFER_BYTES) at `offset`; the number written (fewer only when the disk is full
 * behind them), -PE_NOSPC, -PE_FBIG, -PE_IO, FS_DRAIN_FIRST.
 */
int64_t file_write(uint32_t number, uint64_t offset, const uint8_t *from, uint32_t count);

/* Set the size. 0, -PE_FBIG, -PE_IO. */
int64_t file_truncate(uint32_t number, uint64_t size);

/* The time of access, if it is older than the last change or than a day (as Linux's relatime). 0 or -PE_IO. */
int64_t file_accessed(const struct ext2_inode *inode, uint32_t number);

/* The target of a symbolic link, to `to` (FS_PATH_BYTES of room). Its length or -PE_IO. */
int64_t symlink_read(uint32_t number, char *to);

/* Give a new symbolic link its target (1..FS_PATH_BYTES, less than a block). 0, -PE_NAMETOOLONG, or an error as file_write. */
int64_t symlink_write(uint32_t number, const char *target, uint32_t bytes);

#endif
