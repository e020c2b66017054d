/* SPDX-License-Identifier: MIT */
/* Reading, writing and truncating files (file.h). */
#include "file.h"

#include "block_map.h"
#include "data.h"
#include "device.h"
#include "inode.h"
#include "transaction.h"

#define DAY_S 86400u

static bool is_cached(int64_t block)
{
    return block > 0 && cache_peek(block_unit((uint32_t)block)) >= 0;
}

/*
 * Block `logical` is at `block` and not cached. If the file is read in order (more is wanted than a block, or the block
 * before is cached), read what lies side by side with it in one transfer.
 */
static void read_ahead(const struct ext2_inode *inode, uint64_t logical, uint32_t block, uint64_t wanted_bytes)
{
    uint64_t blocks = (inode_size(inode) + fs.volume.block_bytes - 1) >> fs.volume.block_shift;
    uint32_t limit = RUN_UNITS << fs.volume.unit_shift;
    uint32_t run;

    if (logical > 0 && wanted_bytes <= fs.volume.block_bytes && !is_cached(map_lookup(inode, logical - 1))) {
        return;
    }
    limit = logical + limit < blocks ? limit : (uint32_t)(blocks - logical);
    if (limit > 0 && map_run(inode, logical, limit, &run) == block) {
        cache_prefetch(block_unit(block), block_unit(block + run - 1) - block_unit(block) + 1);
    }
}

/* Read from one place on, as far as one copy goes: to the end of a unit or of a hole. The number of bytes, or an error. */
static int64_t read_piece(const struct ext2_inode *inode, uint64_t offset, uint8_t *to, uint32_t wanted)
{
    uint64_t logical = offset >> fs.volume.block_shift;
    uint32_t place = offset & (fs.volume.block_bytes - 1);
    uint32_t run;
    int64_t block = map_run(inode, logical, 1u << fs.volume.unit_shift, &run);
    uint32_t unit;
    uint32_t room;
    int64_t frame;

    if (block < 0) {
        return block;
    }
    room = (run << fs.volume.block_shift) - place;
    if (block == 0) {
        wanted = wanted < room ? wanted : room;
        memset(to, 0, wanted);
        return wanted;
    }
    unit = block_unit((uint32_t)block);
    place += block_place((uint32_t)block);
    room = room < UNIT_BYTES - place ? room : UNIT_BYTES - place;
    frame = cache_peek(unit);
    if (frame < 0) {
        read_ahead(inode, logical, (uint32_t)block, wanted);
        frame = cache_get(unit);
    }
    wanted = wanted < room ? wanted : room;
    if (frame >= 0) {
        frame = data_copy_out((uint32_t)frame, place, to, wanted);
    }
    return frame < 0 ? frame : (int64_t)wanted;
}

/* Pieces after which the inode is looked up again, lest its frame be evicted (cache.h). */
#define PIECES 8

int64_t file_read(const struct ext2_inode *inode, uint32_t number, uint64_t offset, uint8_t *to, uint32_t count)
{
    uint64_t size = inode_size(inode);
    uint32_t done = 0;

    if (offset >= size) {
        return 0;
    }
    if (count > size - offset) {
        count = (uint32_t)(size - offset);
    }
    for (uint32_t piece = 1; done < count; piece++) {
        int64_t result = read_piece(inode, offset + done, to + done, count - done);

        if (result < 0) {
            return result;
        }
        done += (uint32_t)result;
        if (piece % PIECES == 0) {
            inode = inode_view(number);
        }
        if (inode == NULL) {
            return -PE_IO;
        }
    }
    return done;
}

int64_t file_accessed(const struct ext2_inode *inode, uint32_t number)
{
    uint32_t now = clock_seconds();
    struct ext2_inode *edited;

    if (fs.volume.read_only || (inode->atime > inode->mtime && inode->atime > inode->ctime && now - inode->atime < DAY_S) ||
        inode->atime == now) {
        return 0;
    }
    edited = inode_edit(number);
    if (edited == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    edited->atime = now;
    return 0;
}

/* Write inside one block; *goal is where the next new block best goes. */
static int64_t write_piece(struct ext2_inode *inode, uint32_t number, uint64_t offset, const uint8_t *from,
                           uint32_t piece, uint32_t *goal)
{
    bool fresh;
    int64_t block = map_allocate(inode, number, offset >> fs.volume.block_shift, *goal, &fresh);
    uint32_t place = offset & (fs.volume.block_bytes - 1);
    int64_t frame;

    if (block < 0) {
        return block;
    }
    *goal = (uint32_t)block + 1;
    if (piece == fs.volume.block_bytes) {
        frame = block_replace((uint32_t)block, BLOCK_DATA);
    } else {
        if (fresh && block_make((uint32_t)block, BLOCK_DATA) == NULL) {
            return -(int64_t)fs.transaction.failure;
        }
        frame = cache_get(block_unit((uint32_t)block));
        if (frame >= 0 && block_touch((uint32_t)frame, (uint32_t)block, place, piece, BLOCK_DATA) < 0) {
            return -(int64_t)fs.transaction.failure;
        }
    }
    if (frame < 0) {
        return frame;
    }
    data_copy_in((uint32_t)frame, block_place((uint32_t)block) + place, from, piece);
    return 0;
}

/* Zero what lies behind `size` in the block that holds its last byte. */
static int64_t zero_behind(uint32_t number, uint64_t size)
{
    uint32_t place = size & (fs.volume.block_bytes - 1);
    const struct ext2_inode *inode = inode_view(number);
    uint32_t bytes = (uint32_t)fs.volume.block_bytes - place;
    const uint8_t *behind;
    uint32_t index = 0;
    int64_t block;
    uint8_t *zeroed;

    if (place == 0 || inode == NULL) {
        return inode == NULL ? -PE_IO : 0;
    }
    block = map_lookup(inode, size >> fs.volume.block_shift);
    if (block <= 0) {
        return block;
    }
    behind = block_view((uint32_t)block, place, bytes);
    if (behind == NULL) {
        return -PE_IO;
    }
    while (index < bytes && behind[index] == 0) {
        index++;
    }
    if (index == bytes) {
        return 0;
    }
    zeroed = block_edit((uint32_t)block, place, bytes, BLOCK_DATA);
    if (zeroed == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    memset(zeroed, 0, bytes);
    return 0;
}

/* Before a file grows from `size`: nothing old may show up behind it. */
static int64_t prepare_growth(uint32_t number, uint64_t size)
{
    int64_t result = release_finish(number);

    return result < 0 ? result : zero_behind(number, size);
}

static void finish_write(struct ext2_inode *inode, uint64_t end)
{
    if (end > inode_size(inode)) {
        inode_set_size(inode, end);
    }
    inode->mtime = inode->ctime = clock_seconds();
}

int64_t file_write(uint32_t number, uint64_t offset, const uint8_t *from, uint32_t count)
{
    struct ext2_inode *inode = inode_edit(number);
    uint32_t done = 0;
    uint32_t goal = 0;
    int64_t result = 0;

    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (!inode_is_regular(inode)) {
        return -PE_INVAL;
    }
    if (offset >= fs.volume.file_bytes_maximum) {
        return -PE_FBIG;
    }
    if (count > fs.volume.file_bytes_maximum - offset) {
        count = (uint32_t)(fs.volume.file_bytes_maximum - offset);
    }
    if (offset + count > inode_size(inode)) {
        result = prepare_growth(number, inode_size(inode));
    }
    while (result >= 0 && done < count) {
        uint32_t left = (uint32_t)(fs.volume.block_bytes - ((offset + done) & (fs.volume.block_bytes - 1)));
        uint32_t piece = left < count - done ? left : count - done;

        result = write_piece(inode, number, offset + done, from + done, piece, &goal);
        done += result < 0 ? 0 : piece;
    }
    if (result < 0 && !(done > 0 && result == -PE_NOSPC)) {
        return result;
    }
    if (done > 0) {
        finish_write(inode, offset + done);
    }
    return done;
}

int64_t file_truncate(uint32_t number, uint64_t size)
{
    struct ext2_inode *inode;
    uint64_t old_size;
    int64_t result;

    if (!fs.transaction.revocable) {
        return FS_TWICE;
    }
    inode = inode_edit(number);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (size > fs.volume.file_bytes_maximum) {
        return -PE_FBIG;
    }
    old_size = inode_size(inode);
    result = size > old_size ? prepare_growth(number, old_size) : zero_behind(number, size);
    if (result < 0) {
        return result;
    }
    inode_set_size(inode, size);
    inode->mtime = inode->ctime = clock_seconds();
    return size < old_size ? inode_cut(number, size) : 0;
}

int64_t symlink_read(uint32_t number, char *to)
{
    const struct ext2_inode *inode = inode_view(number);
    const void *target;
    uint64_t size;
    int64_t block;

    if (inode == NULL) {
        return -PE_IO;
    }
    size = inode->size_low;
    if (size == 0 || size > FS_PATH_BYTES || size >= fs.volume.block_bytes) {
        return -PE_IO;
    }
    if (inode_is_fast_symlink(inode)) {
        if (size > EXT2_FAST_SYMLINK_MAXIMUM) {
            return -PE_IO;
        }
        memcpy(to, inode->block, size);
        return (int64_t)size;
    }
    block = map_lookup(inode, 0);
    target = block > 0 ? block_view((uint32_t)block, 0, (uint32_t)size) : NULL;
    if (target == NULL) {
        return -PE_IO;
    }
    memcpy(to, target, size);
    return (int64_t)size;
}

int64_t symlink_write(uint32_t number, const char *target, uint32_t bytes)
{
    struct ext2_inode *inode = inode_edit(number);
    bool fresh;
    int64_t block;
    char *contents;

    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (bytes >= fs.volume.block_bytes) {
        return -PE_NAMETOOLONG;
    }
    inode_set_size(inode, bytes);
    if (bytes <= EXT2_FAST_SYMLINK_MAXIMUM) {
        memcpy(inode->block, target, bytes);
        return 0;
    }
    block = map_allocate(inode, number, 0, 0, &fresh);
    if (block < 0) {
        return block;
    }
    contents = block_make((uint32_t)block, BLOCK_METADATA);
    if (contents == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    memcpy(contents, target, bytes);
    return 0;
}
