/* SPDX-License-Identifier: MIT */
/*
 * Going through the blocks of a directory, each checked before anyone looks at its entries.
 *
 * Rule: walk_block hands out a block only if all its entries are whole, aligned and inside it.
 */
#ifndef FS_DIRECTORY_WALK_H
#define FS_DIRECTORY_WALK_H

#include "fs.h"

struct directory_walk {
    uint32_t directory;
    uint32_t block;   /* of the volume: the one handed out */
    uint64_t logical; /* the next to hand out; the caller counts it up */
};

/* Bytes that an entry with a name of this length takes. */
static inline uint32_t entry_bytes(uint32_t name_bytes)
{
    return (uint32_t)(sizeof(struct ext2_entry) + name_bytes + 3) & ~3u;
}

/* Begin with the block number `logical` of a directory. */
void walk_start(struct directory_walk *walk, uint32_t directory, uint64_t logical);

/*
 * The block number walk->logical: 1 and its contents, 0 behind the last, -PE_IO (unreadable or not well formed),
 * -PE_NOTDIR. Holes are passed over: logical moves to the block handed out.
 */
int64_t walk_block(struct directory_walk *walk, const uint8_t **bytes);

#endif
