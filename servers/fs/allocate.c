/* SPDX-License-Identifier: MIT */
/* Allocation in the bitmaps (allocate.h has the rules). */
#include "allocate.h"

#include "log.h"
#include "transaction.h"
#include "volume.h"

#define CHUNK_BITS (CHUNK_BYTES * 8)

/* The first bit in from..limit-1 that is 0 in both maps of one chunk; limit if there is none. from < limit. */
static uint32_t find_zero(const uint64_t *now, const uint64_t *on_disk, uint32_t from, uint32_t limit)
{
    uint32_t word = from >> 6;
    uint64_t used = (now[word] | on_disk[word]) | ((1ull << (from & 63)) - 1);

    while (used == UINT64_MAX) {
        word++;
        if (word << 6 >= limit) {
            return limit;
        }
        used = now[word] | on_disk[word];
    }
    from = (word << 6) + (uint32_t)__builtin_ctzll(~used);
    return from < limit ? from : limit;
}

/* The chunk of a bitmap as it is on the disk; that of the log if nothing was freed since. NULL if unreadable. */
static const uint64_t *disk_chunk(uint32_t bitmap, uint32_t offset, bool differs)
{
    int64_t frame;
    uint32_t place = block_place(bitmap) + offset;

    if (!differs) {
        return block_view(bitmap, offset, CHUNK_BYTES);
    }
    frame = cache_get_raw(block_unit(bitmap));
    if (frame < 0) {
        fs.transaction.failure = PE_IO;
        return NULL;
    }
    cache_verify((uint32_t)frame, place, CHUNK_BYTES);
    return (const uint64_t *)(cache_bytes((uint32_t)frame) + place);
}

/* The first free bit in from..limit-1 of a bitmap block; limit if there is none, or -PE_IO. */
static int64_t search_bitmap(uint32_t bitmap, uint32_t from, uint32_t limit, bool freed)
{
    while (from < limit) {
        uint32_t chunk = from / CHUNK_BITS;
        uint32_t base = chunk * CHUNK_BITS;
        uint32_t end = base + CHUNK_BITS < limit ? base + CHUNK_BITS : limit;
        const uint64_t *on_disk = disk_chunk(bitmap, chunk * CHUNK_BYTES, freed);
        const uint64_t *now = block_view(bitmap, chunk * CHUNK_BYTES, CHUNK_BYTES);
        uint32_t bit;

        if (now == NULL || on_disk == NULL) {
            return -PE_IO;
        }
        bit = find_zero(now, on_disk, from - base, end - base);
        if (bit < end - base) {
            return base + bit;
        }
        from = end;
    }
    return limit;
}

/* Set bits that are 0, or clear bits that are 1: first..first+count-1. 0, or -PE_IO if one is not as expected. */
static int64_t flip_bits(uint32_t bitmap, uint32_t first, uint32_t count)
{
    uint32_t low = first >> 3;
    uint32_t high = (first + count - 1) >> 3;
    uint8_t *bytes = block_edit(bitmap, low, high - low + 1, BLOCK_METADATA);

    if (bytes == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    for (uint32_t bit = first & 7; count > 0;) {
        uint32_t in_byte = 8 - (bit & 7) < count ? 8 - (bit & 7) : count;

        bytes[bit >> 3] ^= (uint8_t)(((1u << in_byte) - 1) << (bit & 7));
        bit += in_byte;
        count -= in_byte;
    }
    return 0;
}

/* Whether bits first..first+count-1 all are 1. */
static bool all_set(uint32_t bitmap, uint32_t first, uint32_t count)
{
    uint32_t low = first >> 3;
    const uint8_t *bytes = block_view(bitmap, low, ((first + count - 1) >> 3) - low + 1);

    if (bytes == NULL) {
        return false;
    }
    for (uint32_t bit = first & 7; count > 0;) {
        uint32_t in_byte = 8 - (bit & 7) < count ? 8 - (bit & 7) : count;
        uint8_t mask = (uint8_t)(((1u << in_byte) - 1) << (bit & 7));

        if ((bytes[bit >> 3] & mask) != mask) {
            return false;
        }
        bit += in_byte;
        count -= in_byte;
    }
    return true;
}

static bool blocks_were_freed(void)
{
    return fs_region()->blocks_freed + fs.transaction.blocks_freed != 0;
}

static bool inodes_were_freed(void)
{
    return fs_region()->inodes_freed + fs.transaction.inodes_freed != 0;
}

/* Whether first..first+count-1, inside one group, overlaps what the descriptor says is metadata. */
static bool is_group_metadata(const struct ext2_group *descriptor, uint32_t first, uint32_t count)
{
    uint32_t behind = first + count;

    return (descriptor->block_bitmap >= first && descriptor->block_bitmap < behind) ||
           (descriptor->inode_bitmap >= first && descriptor->inode_bitmap < behind) ||
           (descriptor->inode_table < behind && descriptor->inode_table + fs.volume.table_blocks > first);
}

/* A free block of `group` from bit `from` on; 0 if there is none. */
static int64_t allocate_in_group(uint32_t group, uint32_t from)
{
    const struct ext2_group *descriptor = group_view(group);
    uint32_t limit = group_blocks(group);
    uint32_t block;
    int64_t bit;
    struct ext2_group *edited;

    if (descriptor == NULL) {
        return -PE_IO;
    }
    if (descriptor->free_blocks == 0 || from >= limit) {
        return 0;
    }
    bit = search_bitmap(descriptor->block_bitmap, from, limit, blocks_were_freed());
    if (bit < 0 || bit == limit) {
        return bit < 0 ? bit : 0;
    }
    block = group_first_block(group) + (uint32_t)bit;
    edited = group_edit(group);
    if (edited == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (is_group_metadata(edited, block, 1)) {
        server_log("block bitmap of group %u is damaged", group);
        return -PE_IO;
    }
    edited->free_blocks--;
    fs.transaction.free_blocks--;
    bit = flip_bits(edited->block_bitmap, (uint32_t)bit, 1);
    return bit < 0 ? bit : block;
}

/* Nothing free was found: either there is nothing, or it is what the batch has freed. */
static int64_t nothing_free(bool freed)
{
    return freed ? FS_DRAIN_FIRST : -PE_NOSPC;
}

int64_t block_allocate(uint32_t goal)
{
    uint32_t groups = fs.volume.groups;
    uint32_t group;
    uint32_t from;
    int64_t block = 0;

    if (!fs.transaction.revocable) {
        return FS_TWICE;
    }
    if (fs.free_blocks + (uint32_t)fs.transaction.free_blocks <= fs.volume.reserve_blocks) {
        return nothing_free(blocks_were_freed());
    }
    if (!block_is_valid(goal)) {
        goal = fs.volume.first_data_block + 1;
    }
    group = (goal - fs.volume.first_data_block) / fs.volume.blocks_per_group;
    from = (goal - fs.volume.first_data_block) % fs.volume.blocks_per_group;
    for (uint32_t step = 0; step <= groups && block == 0; step++) {
        block = allocate_in_group(group, from);
        from = 0;
        group = group + 1 == groups ? 0 : group + 1;
    }
    return block != 0 ? block : nothing_free(blocks_were_freed());
}

/* Free blocks of one group, at most `count`; how many were found, or -PE_IO. */
static int64_t find_in_group(uint32_t group, uint32_t count, uint32_t *blocks)
{
    const struct ext2_group *descriptor = group_view(group);
    uint32_t limit = group_blocks(group);
    uint32_t found = 0;
    uint32_t bitmap;
    int64_t bit = 0;

    if (descriptor == NULL) {
        return -PE_IO;
    }
    bitmap = descriptor->block_bitmap;
    while (found < count) {
        bit = search_bitmap(bitmap, (uint32_t)bit, limit, true);
        if (bit < 0 || bit == limit) {
            break;
        }
        descriptor = group_view(group);
        if (descriptor == NULL) {
            return -PE_IO;
        }
        if (!is_group_metadata(descriptor, group_first_block(group) + (uint32_t)bit, 1) &&
            log_find(group_first_block(group) + (uint32_t)bit) == NULL) {
            blocks[found++] = group_first_block(group) + (uint32_t)bit;
        }
        bit++;
    }
    return bit < 0 ? bit : found;
}

int64_t blocks_find_free(uint32_t group, uint32_t count, uint32_t *blocks)
{
    uint32_t found = 0;

    for (uint32_t step = 0; step < fs.volume.groups && found < count; step++) {
        int64_t here = find_in_group(group, count - found, blocks + found);

        if (here < 0) {
            return here;
        }
        found += (uint32_t)here;
        group = group + 1 == fs.volume.groups ? 0 : group + 1;
    }
    return found == count ? 0 : -PE_NOSPC;
}

int64_t block_free(uint32_t first, uint32_t count)
{
    while (count > 0) {
        uint32_t group = (first - fs.volume.first_data_block) / fs.volume.blocks_per_group;
        uint32_t bit = (first - fs.volume.first_data_block) % fs.volume.blocks_per_group;
        uint32_t here = fs.volume.blocks_per_group - bit < count ? fs.volume.blocks_per_group - bit : count;
        struct ext2_group *descriptor;

        if (!block_is_valid(first) || !block_is_valid(first + here - 1)) {
            return -PE_IO;
        }
        descriptor = group_edit(group);
        if (descriptor == NULL) {
            return -(int64_t)fs.transaction.failure;
        }
        if (is_group_metadata(descriptor, first, here) || !all_set(descriptor->block_bitmap, bit, here)) {
            server_log("blocks %u.. were to be freed and are not in use; run e2fsck", first);
            return -PE_IO;
        }
        descriptor->free_blocks = (uint16_t)(descriptor->free_blocks + here);
        fs.transaction.free_blocks += (int32_t)here;
        fs.transaction.blocks_freed += here;
        if (flip_bits(descriptor->block_bitmap, bit, here) < 0) {
            return -(int64_t)fs.transaction.failure;
        }
        first += here;
        count -= here;
    }
    return 0;
}

/* A free inode of `group`; 0 if there is none. */
static int64_t allocate_inode_in_group(uint32_t group, bool directory)
{
    const struct ext2_group *descriptor = group_view(group);
    uint32_t limit = fs.volume.inodes_per_group;
    uint32_t reserved = group == 0 ? fs.volume.first_inode - 1 : 0;
    struct ext2_group *edited;
    int64_t bit;

    if (descriptor == NULL) {
        return -PE_IO;
    }
    if (descriptor->free_inodes == 0 || reserved >= limit) {
        return 0;
    }
    bit = search_bitmap(descriptor->inode_bitmap, reserved, limit, inodes_were_freed());
    if (bit < 0 || bit == limit) {
        return bit < 0 ? bit : 0;
    }
    edited = group_edit(group);
    if (edited == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    edited->free_inodes--;
    edited->directories = (uint16_t)(edited->directories + directory);
    fs.transaction.free_inodes--;
    if (flip_bits(edited->inode_bitmap, (uint32_t)bit, 1) < 0) {
        return -(int64_t)fs.transaction.failure;
    }
    return (int64_t)group * fs.volume.inodes_per_group + bit + 1;
}

int64_t inode_allocate(uint32_t parent, bool directory)
{
    uint32_t groups = fs.volume.groups;
    uint32_t group = (parent - 1) / fs.volume.inodes_per_group;
    int64_t number = 0;

    if (!fs.transaction.revocable) {
        return FS_TWICE;
    }
    for (uint32_t step = 0; step < groups && number == 0; step++) {
        number = allocate_inode_in_group(group, directory);
        group = group + 1 == groups ? 0 : group + 1;
    }
    return number != 0 ? number : nothing_free(inodes_were_freed());
}

int64_t inode_free(uint32_t number, bool directory)
{
    uint32_t group = (number - 1) / fs.volume.inodes_per_group;
    uint32_t bit = (number - 1) % fs.volume.inodes_per_group;
    struct ext2_group *descriptor = group_edit(group);

    if (descriptor == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (number < fs.volume.first_inode || !all_set(descriptor->inode_bitmap, bit, 1)) {
        return -PE_IO;
    }
    descriptor->free_inodes++;
    if (directory && descriptor->directories > 0) {
        descriptor->directories--;
    }
    fs.transaction.free_inodes++;
    fs.transaction.inodes_freed++;
    return flip_bits(descriptor->inode_bitmap, bit, 1);
}

int64_t inode_is_allocated(uint32_t number)
{
    const struct ext2_group *descriptor = group_view((number - 1) / fs.volume.inodes_per_group);
    uint32_t bit = (number - 1) % fs.volume.inodes_per_group;
    const uint8_t *byte;

    if (descriptor == NULL) {
        return -PE_IO;
    }
    byte = block_view(descriptor->inode_bitmap, bit >> 3, 1);
    return byte == NULL ? -PE_IO : *byte >> (bit & 7) & 1;
}
