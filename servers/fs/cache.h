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

/* The bits of the chunks that hold bytes offset..offset+bytes-1 of a unit. */
static inline uint32_t cache_chunks(uint32_t offset, uint32_t bytes)
{
    return (2u << ((offset + bytes - 1) >> CHUNK_SHIFT)) - (1u << (offset >> CHUNK_SHIFT));
}

/* Panic unless the chunks in mask are as they were when their checksums were made. */
void cache_compare(uint32_t frame, uint32_t chunk_mask);

/*
 * Panic unless bytes offset..offset+bytes-1 of the frame are as they were when their checksums were made. Each chunk
 * is compared once in a call.
 */
static inline void cache_verify(uint32_t frame, uint32_t offset, uint32_t bytes)
{
    const struct frame *head = &fs_scratch.frame[frame];
    uint32_t mask = cache_chunks(offset, bytes) & ~(uint32_t)head->stale_chunks;

    if (head->verified_in == fs.cache.call) {
        mask &= ~(uint32_t)head->verified_chunks;
    }
    if (mask != 0) {
        cache_compare(frame, mask);
    }
}

/* A new call: what was compared in those before does not count any more. */
static inline void cache_begin_call(void)
{
    fs.cache.call++;
}

#endif
