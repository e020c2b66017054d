/* SPDX-License-Identifier: MIT */
/* Writing a batch back (drain.h has the rule). */
#include "drain.h"

#include "device.h"
#include "journal.h"
#include "log.h"
#include "transaction.h"
#include "volume.h"
#include "writer.h"

#define REGION_MARKED    1 /* flags of the region: the superblock says that the volume is in use */
#define REGION_WAS_CLEAN 2

/* Merge two ascending runs of `from` into `to`. */
static void merge(const uint16_t *from, uint32_t low, uint32_t middle, uint32_t high, uint16_t *to)
{
    uint32_t left = low;
    uint32_t right = middle;

    for (uint32_t place = low; place < high; place++) {
        bool take_left = right >= high || (left < middle && fs_scratch.node[from[left]].block <=
                                                                fs_scratch.node[from[right]].block);

        to[place] = take_left ? from[left++] : from[right++];
    }
}

/* The nodes of one kind, ascending by block, in fs_scratch.order; their number. */
static uint32_t sort_nodes(uint32_t kind)
{
    uint16_t *from = fs_scratch.order;
    uint16_t *to = fs_scratch.merged;
    uint32_t count = 0;
    bool sorted = true;

    for (uint32_t node = 0; node < fs.log.nodes; node++) {
        if (fs_scratch.node[node].kind == kind) {
            sorted = sorted && (count == 0 || fs_scratch.node[from[count - 1]].block < fs_scratch.node[node].block);
            from[count++] = (uint16_t)node;
        }
    }
    for (uint32_t width = 1; width < count && !sorted; width *= 2) {
        uint16_t *swap = from;

        for (uint32_t low = 0; low < count; low += 2 * width) {
            uint32_t middle = low + width < count ? low + width : count;
            uint32_t high = low + 2 * width < count ? low + 2 * width : count;

            merge(from, low, middle, high, to);
        }
        from = to;
        to = swap;
    }
    if (from != fs_scratch.order) {
        memcpy(fs_scratch.order, from, count * sizeof(uint16_t));
    }
    return count;
}

/* Write the blocks of order[0..count-1] to their places. */
static int64_t write_in_place(uint32_t count)
{
    struct writer writer = {0, 0, 0};

    for (uint32_t index = 0; index < count; index++) {
        if (writer_add_cached(&writer, fs_scratch.node[fs_scratch.order[index]].block) < 0) {
            writer.error = -PE_IO;
        }
    }
    return writer_finish(&writer);
}

/* The superblock as it will be when this batch is on the disk. */
static int64_t make_superblock(struct ext2_superblock *superblock, bool unmount)
{
    struct fs_region *region = fs_region();
    uint32_t block = EXT2_SUPERBLOCK_OFFSET >> fs.volume.block_shift;
    uint32_t offset = EXT2_SUPERBLOCK_OFFSET & (uint32_t)(fs.volume.block_bytes - 1);
    const struct ext2_superblock *now = block_view(block, offset, EXT2_SUPERBLOCK_BYTES);

    if (now == NULL) {
        return -PE_IO;
    }
    memcpy(superblock, now, sizeof(*superblock));
    if (!(region->flags & REGION_MARKED)) {
        superblock->mount_count++;
        superblock->mount_time = clock_seconds();
        region->flags = REGION_MARKED | (superblock->state & EXT2_STATE_VALID ? REGION_WAS_CLEAN : 0);
    }
    superblock->free_blocks = fs.free_blocks;
    superblock->free_inodes = fs.free_inodes;
    superblock->write_time = clock_seconds();
    superblock->state &= (uint16_t)~EXT2_STATE_VALID;
    if (unmount && region->flags & REGION_WAS_CLEAN) {
        superblock->state |= EXT2_STATE_VALID;
    }
    return 0;
}

/* The superblock alone, in place: two sectors, of which the first holds all that changes. */
static int64_t write_superblock(const struct ext2_superblock *superblock)
{
    int64_t frame;

    memcpy(fs_scratch.staging, superblock, sizeof(*superblock));
    if (device_write(EXT2_SUPERBLOCK_OFFSET / 512, EXT2_SUPERBLOCK_BYTES / 512, fs_scratch.staging) < 0) {
        return -PE_IO;
    }
    frame = cache_peek(0);
    if (frame >= 0) {
        cache_drop((uint32_t)frame);
    }
    return 0;
}

static int64_t write_metadata(const struct ext2_superblock *superblock)
{
    uint32_t count = sort_nodes(BLOCK_METADATA);
    int64_t result = count > 1 ? journal_write(fs_scratch.order, count, superblock) : -PE_NOSPC;

    if (result == -PE_NOSPC) {
        /* One block is written as a whole or not; without room for a journal a power cut now needs e2fsck. */
        result = write_in_place(count);
        if (result == 0) {
            result = write_superblock(superblock);
        }
    }
    return result;
}

static int64_t drain(bool unmount)
{
    struct ext2_superblock superblock;
    int64_t result;

    if (fs.transaction.count != 0) {
        fs_panic(FS_PANIC_TRANSACTION);
    }
    fs.statistics.drains++;
    result = make_superblock(&superblock, unmount);
    if (result == 0) {
        result = write_in_place(sort_nodes(BLOCK_DATA));
    }
    if (result == 0) {
        result = write_metadata(&superblock);
    }
    if (result == 0) {
        result = device_flush();
    }
    if (result == 0) {
        log_next_batch();
    }
    return result;
}

int64_t drain_all(void)
{
    return log_is_empty() ? 0 : drain(false);
}

int64_t drain_for_unmount(void)
{
    return log_is_empty() && !(fs_region()->flags & REGION_MARKED) ? 0 : drain(true);
}
