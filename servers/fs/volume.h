/* SPDX-License-Identifier: MIT */
/*
 * The volume: superblock, geometry, group descriptors.
 *
 * Rule: nothing of the superblock is used before it has been checked against the device's size and against itself;
 * what cannot be trusted is not mounted, what is unknown but harmless to readers is mounted read-only.
 */
#ifndef FS_VOLUME_H
#define FS_VOLUME_H

#include "checksum.h"
#include "fs.h"

/*
 * Read and check the superblock, past the cache; fill fs.volume. A journal of ours is replayed first. 0, 1 if there was
 * one, or a negative PE_* after a line to the log.
 */
int64_t volume_load(void);

/*
 * Look at all group descriptors (they must name places inside the volume) and sum up their free counts. Cache and log
 * must be ready. 0, or -PE_IO after a line to the log.
 */
int64_t volume_count(void);

/* The descriptor of a group (0..groups-1), checked; NULL if it cannot be read or is wrong. */
const struct ext2_group *group_view(uint32_t group);
struct ext2_group *group_edit(uint32_t group);

/* Nothing is changed on this volume any more. */
void volume_distrust(void);

/* First block of a group, and how many it has. */
static inline uint32_t group_first_block(uint32_t group)
{
    return fs.volume.first_data_block + group * fs.volume.blocks_per_group;
}

static inline uint32_t group_blocks(uint32_t group)
{
    uint32_t left = fs.volume.blocks - group_first_block(group);

    return left < fs.volume.blocks_per_group ? left : fs.volume.blocks_per_group;
}

static inline uint32_t volume_check(void)
{
    return checksum_words(1, &fs.volume, offsetof(struct volume, check) / 8);
}

#endif
