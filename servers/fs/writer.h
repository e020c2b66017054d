/* SPDX-License-Identifier: MIT */
/*
 * Writing blocks in long transfers: blocks that lie side by side on the disk go in one.
 *
 * Rule: what is handed to the block service has been compared with the checksums of where it came from. Whole units that
 * lie side by side in the cache, too, are lent as they are; others are gathered in the staging buffer.
 */
#ifndef FS_WRITER_H
#define FS_WRITER_H

#include "fs.h"

struct writer {
    uint32_t first;      /* block */
    uint32_t count;      /* blocks gathered */
    uint32_t lent_frame; /* of the first block + 1 if they are lent from the cache, 0 if they are in the staging buffer */
    int64_t error;       /* of any transfer so far: 0 or -PE_IO */
};

/* Space for the contents of `block`, to be filled before the next call. Hands over what was gathered if need be. */
uint8_t *writer_next(struct writer *writer, uint32_t block);

/* Gather `block` as the cache has it. -PE_IO if it cannot be read. */
int64_t writer_add_cached(struct writer *writer, uint32_t block);

/* Hand over the rest. 0, or -PE_IO if any transfer failed. */
int64_t writer_finish(struct writer *writer);

#endif
