/* SPDX-License-Identifier: MIT */
/*
 * Inodes: where they lie, their fields, making and releasing them.
 *
 * Rule: an inode is used in its cache frame; its number is what is passed around, and a pointer is taken anew
 * after anything that may have looked up many blocks (cache.h).
 */
#ifndef FS_INODE_H
#define FS_INODE_H

#include "fs.h"

/* The inode `number` for reading or to be changed; NULL if the number is out of range or its block unreadable. */
const struct ext2_inode *inode_view(uint32_t number);
struct ext2_inode *inode_edit(uint32_t number);

/* The same, and it must be in use (links, a known type); what a directory or a handle names. NULL otherwise. */
const struct ext2_inode *inode_view_used(uint32_t number);

static inline uint32_t inode_type(const struct ext2_inode *inode)
{
    return inode->mode & FS_MODE_TYPE_MASK;
}

static inline bool inode_is_directory(const struct ext2_inode *inode)
{
    return inode_type(inode) == FS_MODE_DIRECTORY;
}

static inline bool inode_is_regular(const struct ext2_inode *inode)
{
    return inode_type(inode) == FS_MODE_REGULAR;
}

static inline uint64_t inode_size(const struct ext2_inode *inode)
{
    return inode->size_low | (inode_is_regular(inode) ? (uint64_t)inode->size_high << 32 : 0);
}

static inline void inode_set_size(struct ext2_inode *inode, uint64_t size)
{
    inode->size_low = (uint32_t)size;
    if (inode_is_regular(inode)) {
        inode->size_high = (uint32_t)(size >> 32);
    }
}

/* Whether the target of a symbolic link is in the inode itself. */
bool inode_is_fast_symlink(const struct ext2_inode *inode);

/*
 * A new inode near `parent` with `mode` (type and permissions) and one link. Its number, or -PE_NOSPC, -PE_IO,
 * FS_DRAIN_FIRST.
 */
int64_t inode_make(uint32_t parent, uint32_t mode);

/*
 * Free an inode that has no links and is not open, and all its blocks; of a large file some of them in the steps of later
 * transactions. 0 or -PE_IO.
 */
int64_t inode_release(uint32_t number);

/* Free the blocks that lie wholly at or behind `size`, some of them perhaps in later transactions. 0 or -PE_IO. */
int64_t inode_cut(uint32_t number, uint64_t size);

/* One step of what earlier transactions left to be freed. 0 or -PE_IO. */
int64_t release_step(void);

/* All of it, if it is of inode `number` (0: of any): before that file grows, and before an unmount. 0 or -PE_IO. */
int64_t release_finish(uint32_t number);

/* Describe an inode for STAT. 0 or -PE_IO. */
int64_t inode_describe(uint32_t number, struct fs_stat *stat);

/* The type in directory entries for a mode. */
uint8_t inode_entry_type(uint32_t mode);

#endif
