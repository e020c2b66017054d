/* SPDX-License-Identifier: MIT */
/*
 * ext2 as it lies on the disk (revision 1, little-endian): superblock, group descriptor, inode, directory entry.
 *
 * Rule: layouts only; every size and every offset that the code relies on is asserted. Names follow the ext2
 * literature ("The Second Extended File System, internal layout", D. Poirier) without their prefixes.
 */
#ifndef FS_EXT2_H
#define FS_EXT2_H

#include <stddef.h>
#include <stdint.h>

#define EXT2_MAGIC                 0xef53
#define EXT2_SUPERBLOCK_OFFSET     1024 /* in bytes from the start of the volume */
#define EXT2_SUPERBLOCK_BYTES      1024
#define EXT2_DYNAMIC_REVISION      1
#define EXT2_STATE_VALID           1 /* unmounted cleanly */
#define EXT2_STATE_ERROR           2 /* the last check found errors */
#define EXT2_ROOT_INODE            2
#define EXT2_JOURNAL_INODE         8
#define EXT2_LINKS_MAXIMUM         32000
#define EXT2_NAME_MAXIMUM          255
#define EXT2_DIRECT_BLOCKS         12
#define EXT2_POINTERS              15 /* in an inode: direct, then indirect, double, triple */
#define EXT2_FAST_SYMLINK_MAXIMUM  59 /* bytes of a target that is kept in the inode */
#define EXT2_DESCRIPTOR_BYTES      32
#define EXT2_GOOD_OLD_INODE_BYTES  128
#define EXT2_GOOD_OLD_FIRST_INODE  11
#define EXT2_EXTRA_BYTES           32 /* of the fields behind the first 128 that this file system writes */

/* Features that may be present: compatible ones are ignored unless named, incompatible ones refuse the mount. */
#define EXT2_COMPATIBLE_JOURNAL    0x0004
#define EXT2_COMPATIBLE_INDEX      0x0020
#define EXT2_INCOMPATIBLE_FILETYPE 0x0002
#define EXT2_INCOMPATIBLE_RECOVER  0x0004
#define EXT2_READONLY_SPARSE_SUPER 0x0001
#define EXT2_READONLY_LARGE_FILE   0x0002
#define EXT2_READONLY_KNOWN        (EXT2_READONLY_SPARSE_SUPER | EXT2_READONLY_LARGE_FILE)
#define EXT2_BACKUP_BLOCKS         1 /* journal_backup_type: journal_blocks describe the journal */

#define EXT2_FLAG_IMMUTABLE        0x0010
#define EXT2_FLAG_APPEND           0x0020
#define EXT2_FLAG_INDEX            0x1000 /* directory with a hash tree */
#define EXT2_FLAGS_INHERITED       0x0000004bu /* secure deletion, undelete, sync, no dump: from directory to child */

/* Types in directory entries. */
#define EXT2_TYPE_UNKNOWN          0
#define EXT2_TYPE_REGULAR          1
#define EXT2_TYPE_DIRECTORY        2
#define EXT2_TYPE_CHARACTER        3
#define EXT2_TYPE_BLOCK            4
#define EXT2_TYPE_FIFO             5
#define EXT2_TYPE_SOCKET           6
#define EXT2_TYPE_SYMLINK          7

struct ext2_superblock {
    uint32_t inodes;
    uint32_t blocks;
    uint32_t reserved_blocks;
    uint32_t free_blocks;
    uint32_t free_inodes;
    uint32_t first_data_block;
    uint32_t log_block_bytes; /* block size is 1024 << this */
    uint32_t log_fragment_bytes;
    uint32_t blocks_per_group;
    uint32_t fragments_per_group;
    uint32_t inodes_per_group;
    uint32_t mount_time;
    uint32_t write_time;
    uint16_t mount_count;
    uint16_t mount_count_maximum;
    uint16_t magic;
    uint16_t state;
    uint16_t errors;
    uint16_t minor_revision;
    uint32_t last_check;
    uint32_t check_interval;
    uint32_t creator;
    uint32_t revision;
    uint16_t reserved_uid;
    uint16_t reserved_gid;
    uint32_t first_inode;
    uint16_t inode_bytes;
    uint16_t group;
    uint32_t feature_compatible;
    uint32_t feature_incompatible;
    uint32_t feature_readonly;
    uint8_t uuid[16];
    char volume_name[16];
    char last_mounted[64];
    uint32_t algorithm_bitmap;
    uint8_t preallocate_blocks;
    uint8_t preallocate_directory_blocks;
    uint16_t reserved_descriptor_blocks;
    uint8_t journal_uuid[16];
    uint32_t journal_inode;
    uint32_t journal_device;
    uint32_t last_orphan;
    uint32_t hash_seed[4];
    uint8_t default_hash;
    uint8_t journal_backup_type;
    uint16_t descriptor_bytes;
    uint32_t default_mount_options;
    uint32_t first_meta_group;
    uint32_t made_time;
    uint32_t journal_blocks[17]; /* an inode's 15 pointers, then the upper and lower half of its size */
    uint8_t rest[688];
};
_Static_assert(sizeof(struct ext2_superblock) == 1024, "superblock");
_Static_assert(offsetof(struct ext2_superblock, magic) == 56, "superblock.magic");
_Static_assert(offsetof(struct ext2_superblock, first_inode) == 84, "superblock.first_inode");
_Static_assert(offsetof(struct ext2_superblock, journal_uuid) == 0xd0, "superblock.journal_uuid");
_Static_assert(offsetof(struct ext2_superblock, journal_backup_type) == 0xfd, "superblock.journal_backup_type");
_Static_assert(offsetof(struct ext2_superblock, journal_blocks) == 0x10c, "superblock.journal_blocks");

struct ext2_group {
    uint32_t block_bitmap;
    uint32_t inode_bitmap;
    uint32_t inode_table;
    uint16_t free_blocks;
    uint16_t free_inodes;
    uint16_t directories;
    uint16_t flags;
    uint32_t reserved[3];
};
_Static_assert(sizeof(struct ext2_group) == EXT2_DESCRIPTOR_BYTES, "group descriptor");

struct ext2_inode {
    uint16_t mode;
    uint16_t uid_low;
    uint32_t size_low;
    uint32_t atime;
    uint32_t ctime;
    uint32_t mtime;
    uint32_t dtime;
    uint16_t gid_low;
    uint16_t links;
    uint32_t blocks512; /* allocated sectors, indirect blocks and the attribute block too */
    uint32_t flags;
    uint32_t version;
    uint32_t block[EXT2_POINTERS];
    uint32_t generation;
    uint32_t attribute_block;
    uint32_t size_high; /* of regular files */
    uint32_t fragment;
    uint16_t blocks_high;
    uint16_t attribute_block_high;
    uint16_t uid_high;
    uint16_t gid_high;
    uint32_t reserved;
};
_Static_assert(sizeof(struct ext2_inode) == 128, "inode");
_Static_assert(offsetof(struct ext2_inode, block) == 40, "inode.block");

/* What follows in an inode of 256 bytes. */
struct ext2_inode_extra {
    uint16_t extra_bytes;
    uint16_t checksum_high;
    uint32_t ctime_extra;
    uint32_t mtime_extra;
    uint32_t atime_extra;
    uint32_t made_time;
    uint32_t made_time_extra;
    uint32_t version_high;
    uint32_t project;
};
_Static_assert(sizeof(struct ext2_inode_extra) == EXT2_EXTRA_BYTES, "inode extra");

struct ext2_entry {
    uint32_t inode; /* 0: unused space */
    uint16_t record_bytes;
    uint8_t name_bytes;
    uint8_t type;
    char name[];
};
_Static_assert(sizeof(struct ext2_entry) == 8, "directory entry");

/* The head of an extended attribute block: only its count of users matters here. */
#define EXT2_ATTRIBUTE_MAGIC 0xea020000u

struct ext2_attribute_head {
    uint32_t magic;
    uint32_t references;
    uint32_t blocks;
    uint32_t hash;
};

#endif
