/* SPDX-License-Identifier: MIT */
/*
 * FS_AUDIT: derive again what is cached, and count the differences.
 *
 * Rule: it changes nothing and mends nothing; each difference is one line in the log. The SSRs of other clients cannot be
 * opened in a call, so of the table of open inodes only what the caller and the disk say about it is compared.
 */
#include "allocate.h"
#include "cache.h"
#include "inode.h"
#include "log.h"
#include "mount.h"
#include "ops.h"
#include "state.h"
#include "transaction.h"
#include "volume.h"

static uint32_t ones(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (uint32_t)(word * 0x0101010101010101u >> 56);
}

/* Zeros among the first `bits` of a bitmap block; -PE_IO if it is unreadable. */
static int64_t zeros_in(uint32_t bitmap, uint32_t bits)
{
    int64_t zeros = 0;

    for (uint32_t base = 0; base < bits; base += CHUNK_BYTES * 8) {
        const uint64_t *words = block_view(bitmap, base / 8, CHUNK_BYTES);
        uint32_t here = bits - base < CHUNK_BYTES * 8 ? bits - base : CHUNK_BYTES * 8;

        if (words == NULL) {
            return -PE_IO;
        }
        zeros += here;
        for (uint32_t word = 0; word * 64 < here; word++) {
            uint32_t left = here - word * 64;

            zeros -= ones(left < 64 ? words[word] & ((1ull << left) - 1) : words[word]);
        }
    }
    return zeros;
}

/* Free counts of the descriptors against the bitmaps, their sums against ours. */
static int64_t audit_counts(void)
{
    uint64_t free_blocks = 0;
    uint64_t free_inodes = 0;
    int64_t differences = 0;

    for (uint32_t group = 0; group < fs.volume.groups; group++) {
        const struct ext2_group *descriptor = group_view(group);
        struct ext2_group copy;

        if (descriptor == NULL) {
            return differences + 1;
        }
        copy = *descriptor;
        if (zeros_in(copy.block_bitmap, group_blocks(group)) != copy.free_blocks ||
            zeros_in(copy.inode_bitmap, fs.volume.inodes_per_group) != copy.free_inodes) {
            server_log("audit: free counts of group %u are wrong", group);
            differences++;
        }
        free_blocks += copy.free_blocks;
        free_inodes += copy.free_inodes;
    }
    if (free_blocks != fs.free_blocks || free_inodes != fs.free_inodes) {
        server_log("audit: free counts of the volume are wrong");
        differences++;
    }
    return differences;
}

static bool frame_is_whole(uint32_t number)
{
    const struct frame *frame = &fs_scratch.frame[number];
    uint32_t unit = frame->key & ~CACHE_RAW;

    for (uint32_t chunk = 0; chunk < UNIT_CHUNKS; chunk++) {
        if (checksum_chunk(cache_seed(unit, chunk), cache_bytes(number) + chunk * CHUNK_BYTES) !=
            frame->checksum[chunk]) {
            return false;
        }
    }
    return frame->touch == 0 && frame->stale_chunks == 0;
}

static int64_t audit_cache(void)
{
    int64_t differences = 0;

    for (uint32_t number = 0; number < FRAME_COUNT; number++) {
        if (fs_scratch.frame[number].held && !frame_is_whole(number)) {
            server_log("audit: unit %u is damaged in the cache", fs_scratch.frame[number].key);
            differences++;
        }
    }
    return differences;
}

/* Every open inode is in use on the disk, and the caller's are in the table. */
static int64_t audit_opens(void)
{
    const struct fs_ssr *ssr = server_ssr();
    int64_t differences = ssr_is_valid(ssr) ? 0 : 1;

    for (uint32_t place = 0; place < OPEN_ENTRIES; place++) {
        uint32_t number = fs.open.entry[place].inode;

        if (number != 0 && inode_is_allocated(number) != 1) {
            server_log("audit: inode %u is open and free", number);
            differences++;
        }
    }
    for (uint32_t number = 0; number < FS_HANDLES; number++) {
        if (ssr->handles[number].state != 0 && open_count(ssr->handles[number].inode) == 0) {
            server_log("audit: inode %u is open and not counted", ssr->handles[number].inode);
            differences++;
        }
    }
    return differences;
}

int64_t op_audit(struct request *request)
{
    (void)request;
    return audit_counts() + audit_cache() + log_audit() + audit_opens();
}
