/* SPDX-License-Identifier: MIT */
/* Writing a batch back (drain.h has the rule). */
#include "drain.h"

#include "device.h"
#include "journal.h"
#include "log.h"
#include "transaction.h"
#include "volume.h"
#include "writer.h"

#define DRAIN_STEP_BLOCKS 32

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

/* The order is kept from step to step of a drain; a new incarnation sorts again. */
static uint32_t order_nodes(uint32_t kind)
{
    if (fs.log.ordered_batch != fs_region()->batch + 1 || fs.log.ordered_kind != kind) {
        fs.log.ordered_count = sort_nodes(kind);
        fs.log.ordered_kind = kind;
        fs.log.ordered_batch = fs_region()->batch + 1;
    }
    return fs.log.ordered_count;
}

/* Write the blocks of order[first..end-1] to their places. */
static int64_t write_in_place(uint32_t first, uint32_t end)
{
    struct writer writer = {0};

    for (uint32_t index = first; index < end; index++) {
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
    if (region->drain_stage == DRAIN_METADATA) {
        journal_remove(superblock); /* the one on the disk announces the journal, and counts the mount */
    } else if (region->flags & REGION_FIRST) {
        superblock->mount_count++;
        superblock->mount_time = clock_seconds();
    }
    superblock->free_blocks = fs.free_blocks;
    superblock->free_inodes = fs.free_inodes;
    superblock->write_time = clock_seconds();
    superblock->state &= (uint16_t)~EXT2_STATE_VALID;
    if (region->flags & REGION_DAMAGED) {
        superblock->state |= EXT2_STATE_ERROR;
    } else if (unmount && region->flags & REGION_WAS_CLEAN) {
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

/* Remember at the first batch since the mount whether the volume was clean. */
static int64_t mark_first_batch(void)
{
    struct fs_region *region = fs_region();
    const struct ext2_superblock *superblock;

    if (region->flags & REGION_MARKED) {
        return 0;
    }
    superblock = block_view(EXT2_SUPERBLOCK_OFFSET >> fs.volume.block_shift,
                            EXT2_SUPERBLOCK_OFFSET & (uint32_t)(fs.volume.block_bytes - 1), EXT2_SUPERBLOCK_BYTES);
    if (superblock == NULL) {
        return -PE_IO;
    }
    region->flags = REGION_MARKED | REGION_FIRST | (superblock->state & EXT2_STATE_VALID ? REGION_WAS_CLEAN : 0);
    return 0;
}

static void enter(uint32_t stage)
{
    fs_region()->drain_stage = stage;
    fs_region()->drain_done = 0;
}

/* The end of the step that begins at drain_done, among `count` blocks. */
static uint32_t step_end(uint32_t count)
{
    uint32_t left = count - fs_region()->drain_done;

    if (fs_region()->drain_done > count) {
        fs_panic(FS_PANIC_REGION);
    }
    return fs_region()->drain_done + (left < DRAIN_STEP_BLOCKS ? left : DRAIN_STEP_BLOCKS);
}

static int64_t step_data(void)
{
    struct fs_region *region = fs_region();
    uint32_t count = order_nodes(BLOCK_DATA);
    uint32_t end = step_end(count);
    int64_t result = mark_first_batch();

    if (result == 0) {
        result = write_in_place(region->drain_done, end);
    }
    region->drain_done = end;
    if (end == count) {
        enter(DRAIN_JOURNAL);
    }
    return result;
}

/* One block is written as a whole or not; without room for a journal a power cut now needs e2fsck. */
static int64_t write_without_journal(uint32_t count, const struct ext2_superblock *superblock)
{
    int64_t result = write_in_place(0, count);

    if (result == 0) {
        result = write_superblock(superblock);
    }
    enter(DRAIN_FINISH);
    return result;
}

static int64_t step_journal(bool unmount)
{
    struct fs_region *region = fs_region();
    uint32_t count = order_nodes(BLOCK_METADATA);
    struct ext2_superblock superblock;
    int64_t result = make_superblock(&superblock, unmount);
    uint32_t blocks;

    if (result < 0) {
        return result;
    }
    result = count > 1 ? journal_blocks(fs_scratch.order, count) : -PE_NOSPC;
    if (result < 0) {
        return result == -PE_NOSPC ? write_without_journal(count, &superblock) : result;
    }
    blocks = (uint32_t)result;
    result = journal_write(fs_scratch.order, count, &superblock, region->drain_done, step_end(blocks));
    region->drain_done = step_end(blocks);
    if (result == 0 && region->drain_done == blocks) {
        result = journal_announce(fs_scratch.order, count, &superblock);
        enter(DRAIN_METADATA);
    }
    return result;
}

static int64_t step_metadata(bool unmount)
{
    struct fs_region *region = fs_region();
    uint32_t count = order_nodes(BLOCK_METADATA);
    uint32_t end = step_end(count);
    struct ext2_superblock superblock;
    int64_t result = write_in_place(region->drain_done, end);

    region->drain_done = end;
    if (result == 0 && end == count) {
        result = make_superblock(&superblock, unmount);
        if (result == 0) {
            result = device_flush();
        }
        if (result == 0) {
            result = write_superblock(&superblock);
        }
        enter(DRAIN_FINISH);
    }
    return result;
}

static int64_t step_finish(void)
{
    int64_t result = device_flush();

    enter(DRAIN_NONE);
    if (result == 0) {
        fs_region()->flags &= ~(uint32_t)REGION_FIRST;
        log_next_batch();
    }
    return result;
}

void drain_begin(void)
{
    fs.statistics.drains++;
    fs.log.ordered_batch = 0;
    enter(DRAIN_DATA);
}

static int64_t step(bool unmount)
{
    uint32_t lost = fs.log.kind_nodes[BLOCK_LOST];
    int64_t result;

    if (fs.transaction.count != 0) {
        fs_panic(FS_PANIC_TRANSACTION);
    }
    switch (fs_region()->drain_stage) {
    case DRAIN_DATA:
        result = step_data();
        break;
    case DRAIN_JOURNAL:
        result = step_journal(unmount);
        break;
    case DRAIN_METADATA:
        result = step_metadata(unmount);
        break;
    default:
        result = step_finish();
        break;
    }
    if (result < 0 && fs.log.kind_nodes[BLOCK_LOST] > lost) {
        drain_begin(); /* again, without what turned out to be damaged */
        return 0;
    }
    if (result < 0) {
        enter(DRAIN_NONE);
    }
    return result;
}

void drain_replayed(void)
{
    if (drain_is_running()) {
        enter(DRAIN_FINISH);
    }
}

int64_t drain_step(void)
{
    return step(false);
}

/* All steps of a drain, of one that is under way or of a new one. */
static int64_t drain(bool unmount)
{
    int64_t result = 0;

    if (!drain_is_running()) {
        drain_begin();
    }
    while (result == 0 && drain_is_running()) {
        result = step(unmount);
    }
    return result;
}

int64_t drain_all(void)
{
    return log_is_empty() && !drain_is_running() ? 0 : drain(false);
}

int64_t drain_for_unmount(void)
{
    int64_t result = drain_all();

    if (result == 0 && fs_region()->flags & REGION_MARKED) {
        result = drain(true);
    }
    return result;
}
