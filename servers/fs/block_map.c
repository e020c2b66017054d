/* SPDX-License-Identifier: MIT */
/* The block map of a file: looking up and allocating (block_map.h). */
#include "block_map.h"

#include "allocate.h"
#include "transaction.h"
#include "volume.h"

/* Indices from the inode down to the pointer of one logical block. */
struct map_path {
    uint32_t levels; /* indirect blocks on the way, 0..3 */
    uint32_t index[4]; /* index[0] in the inode, then one for each indirect block */
};

/* False if the block is behind what triple indirection reaches. */
static bool find_path(uint64_t logical, struct map_path *path)
{
    uint32_t shift = fs.volume.pointers_shift;
    uint32_t mask = (1u << shift) - 1;

    if (logical < EXT2_DIRECT_BLOCKS) {
        path->levels = 0;
        path->index[0] = (uint32_t)logical;
        return true;
    }
    logical -= EXT2_DIRECT_BLOCKS;
    for (uint32_t levels = 1; levels <= 3; levels++) {
        if (logical < 1ull << (shift * levels)) {
            path->levels = levels;
            path->index[0] = EXT2_DIRECT_BLOCKS + levels - 1;
            for (uint32_t level = 1; level <= levels; level++) {
                path->index[level] = (uint32_t)(logical >> (shift * (levels - level))) & mask;
            }
            return true;
        }
        logical -= 1ull << (shift * levels);
    }
    return false;
}

/* How many of `count` pointers go on from the first as adjacent blocks, or as holes. */
static uint32_t adjacent(const uint32_t *pointers, uint32_t count)
{
    uint32_t step = pointers[0] != 0;
    uint32_t run = 1;

    while (run < count && pointers[run] == pointers[0] + run * step) {
        run++;
    }
    return run;
}

int64_t map_run(const struct ext2_inode *inode, uint64_t logical, uint32_t limit, uint32_t *run)
{
    const uint32_t *pointers = inode->block;
    struct map_path path;
    uint32_t left;
    uint32_t block;

    if (!find_path(logical, &path)) {
        return -PE_FBIG;
    }
    left = path.levels == 0 ? EXT2_DIRECT_BLOCKS - path.index[0] : 1;
    pointers += path.index[0];
    for (uint32_t level = 1; level <= path.levels && pointers[0] != 0; level++) {
        bool last = level == path.levels;

        left = last ? (1u << fs.volume.pointers_shift) - path.index[level] : 1;
        left = left < limit ? left : limit;
        if (!block_is_valid(pointers[0])) {
            return -PE_IO;
        }
        pointers = block_view(pointers[0], path.index[level] * 4, left * 4);
        if (pointers == NULL) {
            return -PE_IO;
        }
    }
    block = pointers[0];
    *run = adjacent(pointers, left < limit ? left : limit);
    if (block != 0 && (!block_is_valid(block) || !block_is_valid(block + *run - 1))) {
        return -PE_IO;
    }
    return block;
}

int64_t map_lookup(const struct ext2_inode *inode, uint64_t logical)
{
    uint32_t run;

    return map_run(inode, logical, 1, &run);
}

/* Allocate `count` blocks near goal, or none. */
static int64_t allocate_all(uint32_t goal, uint32_t count, uint32_t *blocks)
{
    for (uint32_t index = 0; index < count; index++) {
        int64_t block = block_allocate(goal);

        if (block < 0) {
            for (uint32_t taken = 0; taken < index; taken++) {
                if (block_free(blocks[taken], 1) < 0) {
                    return -PE_IO;
                }
            }
            return block;
        }
        blocks[index] = (uint32_t)block;
        goal = (uint32_t)block + 1;
    }
    return 0;
}

/* Where new blocks of this inode best begin: behind the block before, else in the inode's group. */
static uint32_t default_goal(uint32_t number, const struct ext2_inode *inode, uint64_t logical)
{
    int64_t before = logical > 0 ? map_lookup(inode, logical - 1) : 0;

    if (before > 0) {
        return (uint32_t)before + 1;
    }
    return group_first_block((number - 1) / fs.volume.inodes_per_group);
}

/* Hang the new blocks into the map below `parent` (0: the inode): the last is the data block. */
static int64_t link_new(struct ext2_inode *inode, uint32_t parent, uint32_t depth, const struct map_path *path,
                        const uint32_t *blocks)
{
    uint32_t count = path->levels - depth + 1;

    inode->blocks512 += count << (fs.volume.block_shift - 9);
    if (depth == 0) {
        inode->block[path->index[0]] = blocks[0];
    } else {
        uint32_t *pointer = block_edit(parent, path->index[depth] * 4, 4, BLOCK_METADATA);

        if (pointer == NULL) {
            return -(int64_t)fs.transaction.failure;
        }
        *pointer = blocks[0];
    }
    for (uint32_t index = 0; index + 1 < count; index++) {
        uint32_t *pointers = block_make(blocks[index], BLOCK_METADATA);

        if (pointers == NULL) {
            return -(int64_t)fs.transaction.failure;
        }
        pointers[path->index[depth + index + 1]] = blocks[index + 1];
    }
    return blocks[count - 1];
}

int64_t map_allocate(struct ext2_inode *inode, uint32_t number, uint64_t logical, uint32_t goal, bool *fresh)
{
    struct map_path path;
    uint32_t blocks[4];
    uint32_t parent = 0;
    uint32_t block;
    uint32_t depth = 0;
    int64_t result;

    *fresh = false;
    if (!find_path(logical, &path)) {
        return -PE_FBIG;
    }
    block = inode->block[path.index[0]];
    while (block != 0) {
        const uint32_t *pointer;

        if (!block_is_valid(block)) {
            return -PE_IO;
        }
        if (depth == path.levels) {
            return block;
        }
        parent = block;
        depth++;
        pointer = block_view(parent, path.index[depth] * 4, 4);
        if (pointer == NULL) {
            return -PE_IO;
        }
        block = *pointer;
    }
    if (goal == 0) {
        goal = default_goal(number, inode, logical);
    }
    result = allocate_all(goal, path.levels - depth + 1, blocks);
    if (result < 0) {
        return result;
    }
    *fresh = true;
    return link_new(inode, parent, depth, &path, blocks);
}
