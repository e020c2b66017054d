/* SPDX-License-Identifier: MIT */
/*
 * Free blocks and inodes.
 *
 * Rules: what is chosen follows from the disk and the log alone, so a run with crashes chooses like one without. What
 * was freed in this batch is not used again before the batch is on the disk: until then a power cut would bring the
 * old owner back. So something is free if it is free in the bitmap as it is now and in the one on the disk.
 */
#ifndef FS_ALLOCATE_H
#define FS_ALLOCATE_H

#include "fs.h"

/* A free block, the first at or behind `goal` if there is one. Its number, or -PE_NOSPC, -PE_IO, FS_DRAIN_FIRST. */
int64_t block_allocate(uint32_t goal);

/*
 * Numbers of `count` blocks that are free and that the log will not write to (as it does to what was made and freed again in one
 * batch), ascending from `group` on: a place for the journal of a batch. 0, -PE_NOSPC, -PE_IO.
 */
int64_t blocks_find_free(uint32_t group, uint32_t count, uint32_t *blocks);

/* Free `count` blocks from `first` on. 0, or -PE_IO when they are not inside the data area or not in use. */
int64_t block_free(uint32_t first, uint32_t count);

/* A free inode in the group of `parent` or one of the next. Its number or an error as above. */
int64_t inode_allocate(uint32_t parent, bool directory);

/* 0 or -PE_IO. */
int64_t inode_free(uint32_t number, bool directory);

/* Whether `inode` is marked used in its bitmap: 1, 0 or -PE_IO. */
int64_t inode_is_allocated(uint32_t number);

#endif
