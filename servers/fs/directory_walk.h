/* SPDX-License-Identifier: MIT */
/*
 * Going through a directory, entry by entry.
 *
 * Rule: an entry is handed out only if its bytes agree with their checksums and it is whole, aligned and inside its
 * block. So nobody looks at more of a block than needed, and nobody at anything unchecked.
 */
#ifndef FS_DIRECTORY_WALK_H
#define FS_DIRECTORY_WALK_H

#include "fs.h"

struct directory_walk {
    uint32_t directory;
    uint32_t block;    /* of the volume: where the entry handed out lies */
    uint32_t offset;   /* of that entry in the block */
    uint32_t previous; /* of the entry before it in the block; equal to offset if there is none */
    uint64_t logical;  /* the block's number in the directory */
    uint32_t next;     /* offset of the next entry; the block's end if there is none */
    uint32_t verified; /* bytes of the block that agree with their checksums */
    uint32_t frame;
    const uint8_t *bytes; /* of the block */
};

/* Bytes that an entry with a name of this length takes. */
static inline uint32_t entry_bytes(uint32_t name_bytes)
{
    return (uint32_t)(sizeof(struct ext2_entry) + name_bytes + 3) & ~3u;
}

/* Begin with the first entry of block number `logical`, or of the next one if that is a hole. */
void walk_start(struct directory_walk *walk, uint32_t directory, uint64_t logical);

/*
 * The next entry, used or not. 1; 0 behind the last; -PE_IO (unreadable or not well formed), -PE_NOTDIR. The entry is good
 * until the next look-up of a block (cache.h).
 */
int64_t walk_next(struct directory_walk *walk, const struct ext2_entry **entry);

#endif
