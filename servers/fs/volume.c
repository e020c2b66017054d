/* SPDX-License-Identifier: MIT */
/* Superblock and group descriptors (volume.h has the rule). */
#include "volume.h"

#include "device.h"
#include "journal.h"
#include "transaction.h"

static int64_t refuse(const char *reason, int64_t error)
{
    server_log("cannot mount: %s", reason);
    return error;
}

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* What must hold of one superblock by itself. */
static const char *superblock_fault(const struct ext2_superblock *superblock)
{
    uint32_t block_bytes = 1024u << (superblock->log_block_bytes & 3);
    uint32_t inode_bytes = superblock->revision == 0 ? EXT2_GOOD_OLD_INODE_BYTES : superblock->inode_bytes;

    if (superblock->magic != EXT2_MAGIC) {
        return "no ext2 superblock; make one with mke2fs -t ext2";
    }
    if (superblock->revision > EXT2_DYNAMIC_REVISION) {
        return "unknown revision of ext2";
    }
    if (superblock->log_block_bytes > 2 || superblock->log_fragment_bytes != superblock->log_block_bytes) {
        return "block size is not 1, 2 or 4 KiB";
    }
    if (superblock->first_data_block != (block_bytes == 1024 ? 1u : 0u)) {
        return "first data block is wrong; run e2fsck";
    }
    if (superblock->blocks_per_group == 0 || superblock->blocks_per_group > 8 * block_bytes ||
        superblock->blocks_per_group % 8 != 0 || superblock->inodes_per_group == 0 ||
        superblock->inodes_per_group > 8 * block_bytes || superblock->inodes_per_group % 8 != 0) {
        return "group size is wrong; run e2fsck";
    }
    if (!is_power_of_two(inode_bytes) || inode_bytes < EXT2_GOOD_OLD_INODE_BYTES || inode_bytes > block_bytes) {
        return "inode size is wrong; run e2fsck";
    }
    if (superblock->blocks <= superblock->first_data_block + 8 || superblock->reserved_blocks > superblock->blocks) {
        return "block count is wrong; run e2fsck";
    }
    return NULL;
}

/* Features and the device decide whether, and whether writable. */
static int64_t check_features(const struct ext2_superblock *superblock, bool *read_only)
{
    uint32_t incompatible =
        superblock->feature_incompatible & ~(uint32_t)(EXT2_INCOMPATIBLE_FILETYPE | EXT2_INCOMPATIBLE_RECOVER);
    uint32_t readonly = superblock->feature_readonly & ~(uint32_t)EXT2_READONLY_KNOWN;

    if (superblock->revision == 0) {
        return 0;
    }
    if (incompatible != 0) {
        server_log("incompatible features %x", incompatible);
        return refuse("features this file system does not know", -PE_NODEV);
    }
    if (readonly != 0 || (superblock->feature_compatible & EXT2_COMPATIBLE_JOURNAL &&
                          !(superblock->feature_incompatible & EXT2_INCOMPATIBLE_RECOVER))) {
        server_log("features %x %x: mounted read-only", superblock->feature_compatible, readonly);
        *read_only = true;
    }
    return 0;
}

/* The largest file: what triple indirection reaches and a 32-bit count of sectors can tell. */
static uint64_t largest_file(uint32_t block_shift)
{
    uint64_t pointers = 1u << (block_shift - 2);
    uint64_t blocks = EXT2_DIRECT_BLOCKS + pointers + pointers * pointers + pointers * pointers * pointers;
    uint64_t limit = (uint64_t)UINT32_MAX << 9;
    uint64_t bytes = blocks << block_shift;
    uint64_t overhead = (bytes >> (block_shift - 2)) + (bytes >> (block_shift + 4));

    return bytes + overhead < limit ? bytes : limit - (limit >> (block_shift - 3));
}

static int64_t fill_geometry(const struct ext2_superblock *superblock, uint64_t device_sectors, bool read_only)
{
    struct volume *volume = &fs.volume;
    uint32_t inode_bytes = superblock->revision == 0 ? EXT2_GOOD_OLD_INODE_BYTES : superblock->inode_bytes;

    memset(volume, 0, sizeof(*volume));
    volume->block_shift = 10 + superblock->log_block_bytes;
    volume->block_bytes = 1u << volume->block_shift;
    volume->unit_shift = UNIT_SHIFT - volume->block_shift;
    volume->pointers_shift = volume->block_shift - 2;
    volume->read_only = read_only;
    volume->blocks = superblock->blocks;
    volume->first_data_block = superblock->first_data_block;
    volume->blocks_per_group = superblock->blocks_per_group;
    volume->inodes_per_group = superblock->inodes_per_group;
    volume->groups = (volume->blocks - volume->first_data_block - 1) / volume->blocks_per_group + 1;
    volume->inodes = superblock->inodes;
    volume->first_inode = superblock->revision == 0 ? EXT2_GOOD_OLD_FIRST_INODE : superblock->first_inode;
    volume->inode_shift = (uint32_t)__builtin_ctz(inode_bytes);
    volume->extra_bytes = inode_bytes > EXT2_GOOD_OLD_INODE_BYTES ? EXT2_EXTRA_BYTES : 0;
    volume->table_blocks = (volume->inodes_per_group * inode_bytes + (uint32_t)volume->block_bytes - 1) >> volume->block_shift;
    volume->descriptor_block = volume->first_data_block + 1;
    volume->sectors = (uint64_t)volume->blocks << (volume->block_shift - 9);
    volume->file_bytes_maximum = largest_file(volume->block_shift);
    volume->reserve_blocks = superblock->reserved_blocks < 640 ? superblock->reserved_blocks : 640;
    volume->has_filetype = (superblock->feature_incompatible & EXT2_INCOMPATIBLE_FILETYPE) != 0;
    if ((uint64_t)volume->groups * volume->inodes_per_group != volume->inodes ||
        volume->first_inode < EXT2_GOOD_OLD_FIRST_INODE || volume->first_inode > volume->inodes) {
        return refuse("inode count is wrong; run e2fsck", -PE_IO);
    }
    if (volume->sectors > device_sectors) {
        return refuse("the disk is smaller than its file system", -PE_IO);
    }
    if (volume->blocks >> volume->unit_shift >= CACHE_RAW >> 4) {
        return refuse("the volume is too large", -PE_FBIG);
    }
    volume->mounted = 1;
    volume->check = volume_check();
    return 0;
}

int64_t volume_count(void)
{
    uint64_t free_blocks = 0;
    uint64_t free_inodes = 0;

    for (uint32_t group = 0; group < fs.volume.groups; group++) {
        const struct ext2_group *descriptor = group_view(group);

        if (descriptor == NULL || descriptor->free_blocks > group_blocks(group) ||
            descriptor->free_inodes > fs.volume.inodes_per_group) {
            return refuse("group descriptors are wrong; run e2fsck", -PE_IO);
        }
        free_blocks += descriptor->free_blocks;
        free_inodes += descriptor->free_inodes;
    }
    fs.free_blocks = (uint32_t)free_blocks;
    fs.free_inodes = (uint32_t)free_inodes;
    return 0;
}

/* Take the superblock that is in the staging buffer. */
static int64_t take_superblock(uint64_t device_sectors, bool read_only)
{
    const struct ext2_superblock *superblock = (struct ext2_superblock *)(fs_scratch.staging + EXT2_SUPERBLOCK_OFFSET);
    const char *fault = superblock_fault(superblock);
    int64_t result;

    if (fault != NULL) {
        return refuse(fault, -PE_NODEV);
    }
    result = check_features(superblock, &read_only);
    return result < 0 ? result : fill_geometry(superblock, device_sectors, read_only);
}

static int64_t read_superblock(void)
{
    return device_read(0, UNIT_SECTORS, fs_scratch.staging) < 0 ? refuse("the superblock cannot be read", -PE_IO) : 0;
}

int64_t volume_load(void)
{
    struct ext2_superblock *superblock = (struct ext2_superblock *)(fs_scratch.staging + EXT2_SUPERBLOCK_OFFSET);
    uint64_t sectors;
    bool read_only;
    int64_t result = device_info(&sectors, &read_only);

    if (result < 0 || sectors < UNIT_SECTORS) {
        return refuse("there is no disk", -PE_NODEV);
    }
    result = read_superblock();
    if (result == 0) {
        result = take_superblock(sectors, read_only);
    }
    if (result < 0 || !(superblock->feature_incompatible & EXT2_INCOMPATIBLE_RECOVER)) {
        return result;
    }
    if (read_only) {
        return refuse("it needs its journal replayed and cannot be written", -PE_ROFS);
    }
    if (!journal_is_pending(superblock)) {
        return refuse("it has a journal that is not ours; run e2fsck -p", -PE_NODEV);
    }
    result = journal_replay(superblock);
    if (result == 0) {
        result = read_superblock();
    }
    if (result == 0) {
        result = take_superblock(sectors, read_only);
    }
    return result < 0 ? result : 1;
}

void volume_distrust(void)
{
    fs.volume.read_only = 1;
    fs.volume.check = volume_check();
}

const struct ext2_group *group_view(uint32_t group)
{
    uint32_t byte = group * EXT2_DESCRIPTOR_BYTES;
    const struct ext2_group *descriptor =
        block_view(fs.volume.descriptor_block + (byte >> fs.volume.block_shift), byte & (fs.volume.block_bytes - 1),
                   EXT2_DESCRIPTOR_BYTES);

    if (descriptor == NULL || !block_is_valid(descriptor->block_bitmap) || !block_is_valid(descriptor->inode_bitmap) ||
        !block_is_valid(descriptor->inode_table) ||
        descriptor->inode_table + fs.volume.table_blocks > fs.volume.blocks) {
        fs.transaction.failure = PE_IO;
        return NULL;
    }
    return descriptor;
}

struct ext2_group *group_edit(uint32_t group)
{
    uint32_t byte = group * EXT2_DESCRIPTOR_BYTES;

    if (group_view(group) == NULL) {
        return NULL;
    }
    return block_edit(fs.volume.descriptor_block + (byte >> fs.volume.block_shift), byte & (fs.volume.block_bytes - 1),
                      EXT2_DESCRIPTOR_BYTES, BLOCK_METADATA);
}
