/* SPDX-License-Identifier: MIT */
/*
 * The cache: units of the disk with the committed log applied.
 *
 * Rules: a frame holds what the disk and the committed records say, and besides only what the running transaction
 * has changed (its touched frames are never evicted). Every 256 bytes carry a checksum that also says which unit and
 * place they belong to; nobody uses a byte of a frame before cache_verify has agreed. A frame that was used within the
 * last 64 look-ups is not evicted, so a pointer into one is good for that many.
 */
#ifndef FS_CACHE_H
#define FS_CACHE_H

#include "checksum.h"
#include "fs.h"

/* Forget everything. */
void cache_reset(void);

/* The frame that holds `unit`, read from the disk if need be; -PE_IO if that fails. */
int64_t cache_get(uint32_t unit);

/* The frame that holds `unit` if it is cached, else -1. */
int64_t cache_peek(uint32_t unit);

/* A frame for `unit` whose contents the caller overwrites as a whole: nothing is read. */
int64_t cache_get_blank(uint32_t unit);

/* The frame that holds `unit` as it is on the disk, without the log; valid for one batch. */
int64_t cache_get_raw(uint32_t unit);

/* Read up to `count` units from `unit` on that are not cached, in one transfer. Failures show at cache_get. */
void cache_prefetch(uint32_t unit, uint32_t count);

/* Drop a frame: the next cache_get reads it again. */
void cache_drop(uint32_t frame);

/* Make the checksums of the chunks in mask anew from the contents. */
void cache_seal(uint32_t frame, uint32_t chunk_mask);

static inline uint8_t *cache_bytes(uint32_t frame)
{
    return fs_scratch.unit[frame];
}

/* Where a chunk belongs, as the seed of its checksum. */
static inline uint32_t cache_seed(uint32_t unit, uint32_t chunk)
{
    return (unit << 4 | chunk) + 1;
}

/* Panic unless bytes offset..offset+bytes-1 of the frame are as they were when their checksums were made. */
static inline void cache_verify(uint32_t frame, uint32_t offset, uint32_t bytes)
{
    const struct frame *head = &fs_scratch.frame[frame];
    uint32_t unit = head->key & ~CACHE_RAW;
    uint32_t last = (offset + bytes - 1) >> CHUNK_SHIFT;

    for (uint32_t chunk = offset >> CHUNK_SHIFT; chunk <= last; chunk++) {
        if (head->stale_chunks >> chunk & 1) {
            continue;
        }
        if (checksum_chunk(cache_seed(unit, chunk), cache_bytes(frame) + chunk * CHUNK_BYTES) !=
            head->checksum[chunk]) {
            fs_panic(FS_PANIC_CACHE);
        }
    }
}

#endif
