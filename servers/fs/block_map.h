/* SPDX-License-Identifier: MIT */
/*
 * From a file's logical block to a block of the volume, through up to three levels of indirection.
 *
 * Rule: a pointer read from the disk is used only after block_is_valid; 0 is a hole.
 */
#ifndef FS_BLOCK_MAP_H
#define FS_BLOCK_MAP_H

#include "fs.h"

/* The block that holds `logical`; 0 for a hole; -PE_IO; -PE_FBIG if no map reaches so far. */
int64_t map_lookup(const struct ext2_inode *inode, uint64_t logical);

/*
 * The same, and how many blocks from there on, at most `limit` (> 0), lie side by side (or are holes): *run. It may say fewer
 * than there are.
 */
int64_t map_run(const struct ext2_inode *inode, uint64_t logical, uint32_t limit, uint32_t *run);

/*
 * The block that holds `logical` of inode `number`, which the caller is editing, allocating what is missing, near `goal` (0: near
 * the inode). *fresh tells whether the block itself is new:
 * its contents are then nobody's, the caller must set all of them. Also -PE_NOSPC and FS_DRAIN_FIRST; then nothing has
 * changed.
 */
int64_t map_allocate(struct ext2_inode *inode, uint32_t number, uint64_t logical, uint32_t goal, bool *fresh);

/*
 * Free the blocks that hold `first` and everything behind it, from the end on, as far as `limit` blocks and one
 * transaction go. Returns 1 when done, 0 when blocks remain (call again in a later transaction), -PE_IO.
 */
int64_t map_cut(uint32_t number, uint64_t first, uint32_t limit);

#endif
