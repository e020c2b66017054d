/* SPDX-License-Identifier: MIT */
/*
 * Directories: blocks of entries, in no order.
 *
 * Rules: an entry is used only after entry_is_valid; a block with a wrong entry is an I/O error from there on. A changed directory with a
 * hash tree loses its INDEX flag: the entries stay right, only the tree does not. Places are found first, changed later in the same
 * transaction, with nothing between that changes the directory.
 */
#ifndef FS_DIRECTORY_H
#define FS_DIRECTORY_H

#include "fs.h"

/* Where a name is in a directory, or where it could go. */
struct directory_place {
    uint32_t block;    /* of the volume; 0 if the name is not there */
    uint32_t offset;   /* of its entry in that block */
    uint32_t previous; /* of the entry before it in the block; equal to offset if there is none */
    uint32_t inode;    /* it names, 0 if the name is not there */
    uint32_t type;     /* EXT2_TYPE_*, as the entry says */
    uint32_t gap_block; /* first block with room for the name, 0 if there is none */
    uint32_t gap_offset;
};

/* Look for a name (1..255 bytes). 0 (place->inode says whether it is there) or -PE_IO. */
int64_t directory_find(uint32_t directory, const char *name, uint32_t name_bytes, struct directory_place *place);

/* Enter a name that directory_find did not find. 0, -PE_NOSPC, -PE_IO, FS_DRAIN_FIRST. */
int64_t directory_add(uint32_t directory, const char *name, uint32_t name_bytes, uint32_t inode, uint32_t mode,
                      const struct directory_place *place);

/* Remove the entry that directory_find found. 0 or -PE_IO. */
int64_t directory_remove(uint32_t directory, const struct directory_place *place);

/* Let the entry that directory_find found name another inode. 0 or -PE_IO. */
int64_t directory_replace(uint32_t directory, const struct directory_place *place, uint32_t inode, uint32_t mode);

/* The first block of a new directory, with "." and "..". 0 or an error. */
int64_t directory_start(uint32_t directory, uint32_t parent);

/* 1 if there is nothing in it but "." and "..", 0 if there is, -PE_IO. */
int64_t directory_is_empty(uint32_t directory);

/*
 * Entries from byte `*offset` on into `to` (at most `room_bytes`), as struct fs_dirent; *offset moves behind the last.
 * Returns their number, 0 at the end, or -PE_IO. *bytes is how much of `to` is used.
 */
int64_t directory_read(uint32_t directory, uint64_t *offset, uint8_t *to, uint32_t room_bytes, uint32_t *bytes);

/* The name of `child` in a directory, to `to` (255 bytes of room). Its length, -PE_NOENT, -PE_IO. */
int64_t directory_name_of(uint32_t directory, uint32_t child, char *to);

#endif
