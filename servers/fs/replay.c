/* SPDX-License-Identifier: MIT */
/*
 * Replaying a journal of ours that a power cut, or a crash of this server, left pending (journal.h).
 *
 * Rule: the whole journal is looked at before its first block is copied, and the superblock it holds goes last: until
 * then the next mount does all of it again.
 */
#include "device.h"
#include "jbd2.h"
#include "journal.h"
#include "transaction.h"

static const uint8_t signature[JBD2_UUID_BYTES] = "Perdure journal";

/* Memory of the cache, which is empty now. */
#define BLOCK_BUFFER      (fs_scratch.unit[0])
#define DESCRIPTOR_BUFFER (fs_scratch.unit[1])
#define MAP_BUFFER        (fs_scratch.unit[2])

static int64_t read_block(uint32_t block, void *to)
{
    uint32_t shift = fs.volume.block_shift - 9;

    return block_is_valid(block) ? device_read((uint64_t)block << shift, 1u << shift, to) : -PE_IO;
}

static int64_t write_block(uint32_t block, const void *from)
{
    uint32_t shift = fs.volume.block_shift - 9;

    return device_write((uint64_t)block << shift, 1u << shift, from);
}

/* Where logical block `logical` of the journal lies; 0 if its map is wrong. */
static uint32_t find_logical(const struct ext2_superblock *superblock, uint32_t logical)
{
    const uint32_t *entries = (const uint32_t *)MAP_BUFFER;
    uint32_t pointers = 1u << fs.volume.pointers_shift;

    if (logical < EXT2_DIRECT_BLOCKS) {
        return superblock->journal_blocks[logical];
    }
    logical -= EXT2_DIRECT_BLOCKS;
    if (logical < pointers) {
        return read_block(superblock->journal_blocks[EXT2_DIRECT_BLOCKS], MAP_BUFFER) < 0 ? 0 : entries[logical];
    }
    logical -= pointers;
    if (logical >= JBD2_BLOCKS_MINIMUM ||
        read_block(superblock->journal_blocks[EXT2_DIRECT_BLOCKS + 1], MAP_BUFFER) < 0 ||
        read_block(entries[logical >> fs.volume.pointers_shift], MAP_BUFFER) < 0) {
        return 0;
    }
    return entries[logical & (pointers - 1)];
}

static bool is_header(const void *bytes, uint32_t type, uint32_t sequence)
{
    const struct jbd2_header *head = bytes;

    return head->magic == big_endian(JBD2_MAGIC) && head->type == big_endian(type) &&
           head->sequence == big_endian(sequence);
}

bool journal_is_pending(const struct ext2_superblock *superblock)
{
    const struct jbd2_superblock *head = (const struct jbd2_superblock *)BLOCK_BUFFER;

    return superblock->feature_incompatible & EXT2_INCOMPATIBLE_RECOVER &&
           superblock->feature_compatible & EXT2_COMPATIBLE_JOURNAL &&
           superblock->journal_inode == EXT2_JOURNAL_INODE &&
           superblock->journal_backup_type == EXT2_BACKUP_BLOCKS &&
           read_block(superblock->journal_blocks[0], BLOCK_BUFFER) == 0 &&
           head->header.magic == big_endian(JBD2_MAGIC) && memcmp(head->uuid, signature, sizeof(signature)) == 0 &&
           head->block_bytes == big_endian((uint32_t)fs.volume.block_bytes) && head->start == big_endian(1);
}

/* Copy the journal's block `logical` to `block`. */
static int64_t copy_block(const struct ext2_superblock *superblock, uint32_t logical, uint32_t block, uint32_t flags)
{
    uint32_t from = find_logical(superblock, logical);

    if (read_block(from, BLOCK_BUFFER) < 0) {
        return -PE_IO;
    }
    if (flags & JBD2_FLAG_ESCAPED) {
        *(uint32_t *)BLOCK_BUFFER = big_endian(JBD2_MAGIC);
    }
    return write_block(block, BLOCK_BUFFER);
}

/*
 * Go through the transaction, copying or only looking. Returns the logical block of the journal that holds the
 * superblock's block, or -PE_IO.
 */
static int64_t go_through(const struct ext2_superblock *superblock, uint32_t sequence, bool copy)
{
    uint32_t super_block = EXT2_SUPERBLOCK_OFFSET >> fs.volume.block_shift;
    int64_t super_logical = -PE_IO;
    uint32_t logical = 1;

    while (logical < JBD2_BLOCKS_MINIMUM) {
        const uint8_t *at = DESCRIPTOR_BUFFER + sizeof(struct jbd2_header);
        uint32_t flags = 0;

        if (read_block(find_logical(superblock, logical++), DESCRIPTOR_BUFFER) < 0) {
            return -PE_IO;
        }
        if (is_header(DESCRIPTOR_BUFFER, JBD2_COMMIT, sequence)) {
            return super_logical;
        }
        if (!is_header(DESCRIPTOR_BUFFER, JBD2_DESCRIPTOR, sequence)) {
            return -PE_IO;
        }
        while (!(flags & JBD2_FLAG_LAST)) {
            const struct jbd2_tag *tag = (const struct jbd2_tag *)at;
            uint32_t block = big_endian(tag->block);

            flags = big_endian(tag->flags);
            at += sizeof(*tag) + (flags & JBD2_FLAG_SAME_UUID ? 0 : JBD2_UUID_BYTES);
            if (at > DESCRIPTOR_BUFFER + fs.volume.block_bytes || block >= fs.volume.blocks ||
                block < fs.volume.first_data_block || logical >= JBD2_BLOCKS_MINIMUM) {
                return -PE_IO;
            }
            if (block == super_block) {
                super_logical = logical;
            } else if (copy && copy_block(superblock, logical, block, flags) < 0) {
                return -PE_IO;
            }
            logical++;
        }
    }
    return -PE_IO;
}

int64_t journal_replay(const struct ext2_superblock *superblock)
{
    const struct jbd2_superblock *head = (const struct jbd2_superblock *)BLOCK_BUFFER;
    uint32_t sequence = big_endian(head->sequence);
    int64_t super_logical = go_through(superblock, sequence, false);

    if (super_logical < 0 || go_through(superblock, sequence, true) < 0 || device_flush() < 0) {
        server_log("the journal cannot be replayed; run e2fsck -p");
        return -PE_IO;
    }
    if (read_block(find_logical(superblock, (uint32_t)super_logical), BLOCK_BUFFER) < 0) {
        return -PE_IO;
    }
    memcpy(fs_scratch.staging,
           BLOCK_BUFFER + (EXT2_SUPERBLOCK_OFFSET & (fs.volume.block_bytes - 1)), EXT2_SUPERBLOCK_BYTES);
    if (device_write(EXT2_SUPERBLOCK_OFFSET / 512, EXT2_SUPERBLOCK_BYTES / 512, fs_scratch.staging) < 0 ||
        device_flush() < 0) {
        return -PE_IO;
    }
    return 0;
}
