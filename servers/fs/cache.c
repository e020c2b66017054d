/* SPDX-License-Identifier: MIT */
/* The cache of units (cache.h has the rules). Eviction is a clock over the frames, in runs for read-ahead. */
#include "cache.h"

#include "device.h"
#include "log.h"

#define PROTECTED_LOOKUPS 64

static uint16_t *bucket_of(uint32_t key)
{
    return &fs.cache.bucket[(key ^ key >> 20) & (CACHE_BUCKETS - 1)];
}

void cache_reset(void)
{
    memset(&fs.cache, 0, sizeof(fs.cache));
    fs.cache.clock = PROTECTED_LOOKUPS;
    fs.cache.call = 1;
    for (uint32_t frame = 0; frame < FRAME_COUNT; frame++) {
        fs_scratch.frame[frame].held = 0;
        fs_scratch.frame[frame].touch = 0;
        fs_scratch.frame[frame].stale_chunks = 0;
        fs_scratch.frame[frame].overwritten = 0;
    }
}

static int64_t find(uint32_t key)
{
    uint32_t number = *bucket_of(key);

    while (number != 0) {
        struct frame *frame;

        if (number > FRAME_COUNT) {
            fs_panic(FS_PANIC_CACHE);
        }
        frame = &fs_scratch.frame[number - 1];
        if (frame->key == key) {
            frame->used_at = ++fs.cache.clock;
            frame->referenced = 1;
            return number - 1;
        }
        number = frame->next;
    }
    return -1;
}

int64_t cache_peek(uint32_t unit)
{
    return find(unit);
}

static void unlink_frame(uint32_t number)
{
    struct frame *frame = &fs_scratch.frame[number];
    uint16_t *link = bucket_of(frame->key);

    for (uint32_t step = 0; step <= FRAME_COUNT && *link != 0; step++) {
        if (*link == number + 1) {
            *link = frame->next;
            frame->held = 0;
            return;
        }
        link = &fs_scratch.frame[*link - 1].next;
    }
    fs_panic(FS_PANIC_CACHE);
}

void cache_drop(uint32_t number)
{
    struct frame *frame = &fs_scratch.frame[number];

    unlink_frame(number);
    frame->touch = 0;
    frame->stale_chunks = 0;
    frame->overwritten = 0;
}

static void link_frame(uint32_t number, uint32_t key)
{
    struct frame *frame = &fs_scratch.frame[number];
    uint16_t *bucket = bucket_of(key);

    frame->key = key;
    frame->used_at = ++fs.cache.clock;
    frame->batch = (uint32_t)fs_region()->batch;
    frame->next = *bucket;
    frame->stale_chunks = 0;
    frame->verified_chunks = 0;
    frame->touch = 0;
    frame->overwritten = 0;
    frame->held = 1;
    frame->referenced = 1;
    *bucket = (uint16_t)(number + 1);
}

static bool evictable(struct frame *frame)
{
    if (!frame->held) {
        return true;
    }
    if (frame->touch != 0 || fs.cache.clock - frame->used_at < PROTECTED_LOOKUPS) {
        return false;
    }
    if (frame->referenced) {
        frame->referenced = 0;
        return false;
    }
    return true;
}

/*
 * Free up to `wanted` frames that lie side by side and take the hand behind them. Returns how many (*first is the
 * first); 0 if every frame is in use by the running transaction.
 */
static uint32_t reclaim(uint32_t wanted, uint32_t *first)
{
    uint32_t run = 0;
    uint32_t position = fs.cache.hand;

    for (uint32_t step = 0; step < 3 * FRAME_COUNT && run < wanted; step++) {
        if (position >= FRAME_COUNT) {
            if (run > 0) {
                break;
            }
            position = 0;
        }
        if (evictable(&fs_scratch.frame[position])) {
            run++;
        } else if (run > 0 && step >= FRAME_COUNT) {
            break;
        } else {
            run = 0;
        }
        position++;
    }
    if (run == 0) {
        return 0;
    }
    *first = position - run;
    fs.cache.hand = position;
    for (uint32_t frame = *first; frame < position; frame++) {
        if (fs_scratch.frame[frame].held) {
            unlink_frame(frame);
        }
    }
    return run;
}

void cache_compare(uint32_t number, uint32_t chunk_mask)
{
    struct frame *frame = &fs_scratch.frame[number];
    uint32_t unit = frame->key & ~CACHE_RAW;

    for (uint32_t left = chunk_mask; left != 0; left &= left - 1) {
        uint32_t chunk = (uint32_t)__builtin_ctz(left);

        if (checksum_chunk(cache_seed(unit, chunk), cache_bytes(number) + chunk * CHUNK_BYTES) !=
            frame->checksum[chunk]) {
            fs_panic(FS_PANIC_CACHE);
        }
    }
    if (frame->verified_in != fs.cache.call) {
        frame->verified_in = fs.cache.call;
        frame->verified_chunks = 0;
    }
    frame->verified_chunks |= (uint16_t)chunk_mask;
}

void cache_seal(uint32_t number, uint32_t chunk_mask)
{
    struct frame *frame = &fs_scratch.frame[number];
    uint32_t unit = frame->key & ~CACHE_RAW;

    for (uint32_t left = chunk_mask; left != 0; left &= left - 1) {
        uint32_t chunk = (uint32_t)__builtin_ctz(left);

        frame->checksum[chunk] = checksum_chunk(cache_seed(unit, chunk), cache_bytes(number) + chunk * CHUNK_BYTES);
    }
    frame->stale_chunks &= (uint16_t)~chunk_mask;
}

/* Sectors of `count` units from `unit` on that are inside the volume, 0 if none is. */
static uint32_t sectors_inside(uint32_t unit, uint32_t count)
{
    uint64_t first = (uint64_t)unit * UNIT_SECTORS;
    uint64_t sectors = (uint64_t)count * UNIT_SECTORS;
    uint64_t volume = fs.volume.sectors;

    if (first >= volume) {
        return 0;
    }
    return (uint32_t)(sectors < volume - first ? sectors : volume - first);
}

/* Read `count` units into frames first.. and make them known under unit | flag. */
static int64_t fill(uint32_t unit, uint32_t count, uint32_t first, uint32_t flag)
{
    uint32_t sectors = sectors_inside(unit, count);

    if (sectors == 0 || device_read((uint64_t)unit * UNIT_SECTORS, sectors, cache_bytes(first)) < 0) {
        return -PE_IO;
    }
    if (sectors % UNIT_SECTORS != 0) {
        memset(cache_bytes(first) + sectors * 512, 0, UNIT_BYTES - sectors % UNIT_SECTORS * 512);
    }
    for (uint32_t index = 0; index < count; index++) {
        if (flag == 0 && log_apply(unit + index, cache_bytes(first + index)) < 0) {
            return -PE_IO;
        }
        link_frame(first + index, (unit + index) | flag);
        cache_seal(first + index, 0xffff);
    }
    return 0;
}

static int64_t get(uint32_t unit, uint32_t flag)
{
    int64_t number = find(unit | flag);
    uint32_t first;

    if (number >= 0) {
        if (flag == 0 || fs_scratch.frame[number].batch == (uint32_t)fs_region()->batch) {
            return number;
        }
        cache_drop((uint32_t)number);
    }
    if (reclaim(1, &first) == 0) {
        fs_panic(FS_PANIC_TRANSACTION);
    }
    number = fill(unit, 1, first, flag);
    return number < 0 ? number : first;
}

int64_t cache_get(uint32_t unit)
{
    return get(unit, 0);
}

int64_t cache_get_raw(uint32_t unit)
{
    return get(unit, CACHE_RAW);
}

int64_t cache_get_blank(uint32_t unit)
{
    int64_t number = find(unit);
    uint32_t first;

    if (number >= 0) {
        return number;
    }
    if (reclaim(1, &first) == 0) {
        fs_panic(FS_PANIC_TRANSACTION);
    }
    link_frame(first, unit);
    return first;
}

void cache_prefetch(uint32_t unit, uint32_t count)
{
    uint32_t missing = 0;
    uint32_t first;

    while (missing < count && missing < RUN_UNITS && find(unit + missing) < 0) {
        missing++;
    }
    if (missing < 2) {
        return;
    }
    missing = reclaim(missing, &first);
    if (missing > 0) {
        fill(unit, missing, first, 0);
    }
}
