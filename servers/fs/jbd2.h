/* SPDX-License-Identifier: MIT */
/*
 * The parts of ext3's journal format (JBD2, version 2 superblock, no optional features) that a single transaction needs. All
 * numbers are big-endian.
 *
 * Rule: layouts only.
 */
#ifndef FS_JBD2_H
#define FS_JBD2_H

#include <stddef.h>
#include <stdint.h>

#define JBD2_MAGIC           0xc03b3998u
#define JBD2_DESCRIPTOR      1
#define JBD2_COMMIT          2
#define JBD2_SUPERBLOCK_V2   4
#define JBD2_BLOCKS_MINIMUM  1024 /* of the journal file */
#define JBD2_FLAG_ESCAPED    1 /* the block began with the magic number, which was zeroed */
#define JBD2_FLAG_SAME_UUID  2 /* no UUID behind this tag */
#define JBD2_FLAG_LAST       8
#define JBD2_UUID_BYTES      16

struct jbd2_header {
    uint32_t magic;
    uint32_t type;
    uint32_t sequence;
};

struct jbd2_tag {
    uint32_t block;
    uint32_t flags;
};

struct jbd2_superblock {
    struct jbd2_header header;
    uint32_t block_bytes;
    uint32_t blocks;
    uint32_t first;
    uint32_t sequence; /* of the first transaction to replay */
    uint32_t start;    /* its block, 0 if there is none */
    int32_t error;
    uint32_t feature_compatible;
    uint32_t feature_incompatible;
    uint32_t feature_readonly;
    uint8_t uuid[JBD2_UUID_BYTES];
    uint32_t users;
};
_Static_assert(offsetof(struct jbd2_superblock, uuid) == 48, "journal superblock");
_Static_assert(offsetof(struct jbd2_superblock, users) == 64, "journal superblock");

static inline uint32_t big_endian(uint32_t value)
{
    return __builtin_bswap32(value);
}

#endif
