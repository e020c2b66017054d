/* SPDX-License-Identifier: MIT */
/* Writing a batch's metadata through a journal (journal.h says how and why). */
#include "journal.h"

#include "allocate.h"
#include "device.h"
#include "jbd2.h"
#include "transaction.h"
#include "volume.h"
#include "writer.h"

/* So that nobody takes a journal for ours that is not: the journal's UUID. */
static const uint8_t signature[JBD2_UUID_BYTES] = "Perdure journal";

/* The journal of one batch. Logical blocks: 0 its superblock, then descriptors each with their blocks, the commit. */
struct journal {
    const uint16_t *order;
    uint32_t count;
    const struct ext2_superblock *superblock;
    uint32_t table_block; /* of the inode table, with the journal inode: a replay must leave it as it is */
    uint32_t super_block; /* the block that holds the superblock */
    uint32_t tags;
    uint32_t tags_per_descriptor;
    uint32_t blocks;      /* logical blocks in use */
    uint32_t map_blocks;  /* indirect blocks that map the journal */
    uint32_t sequence;
    const uint32_t *place; /* of each logical block, then of the map's blocks */
};

static uint32_t pointers(void)
{
    return 1u << fs.volume.pointers_shift;
}

/* How many second-level blocks the map needs for the smallest journal that e2fsck accepts. */
static uint32_t second_level_blocks(void)
{
    uint32_t reached = EXT2_DIRECT_BLOCKS + pointers();

    return reached >= JBD2_BLOCKS_MINIMUM ? 0 : (JBD2_BLOCKS_MINIMUM - reached + pointers() - 1) / pointers();
}

static bool is_in_batch(const struct journal *journal, uint32_t block)
{
    for (uint32_t index = 0; index < journal->count; index++) {
        if (fs_scratch.node[journal->order[index]].block == block) {
            return true;
        }
    }
    return false;
}

/* The block of the inode table that holds the journal inode; 0 if unreadable. */
static uint32_t journal_inode_block(void)
{
    const struct ext2_group *group = group_view(0);
    uint32_t byte = (EXT2_JOURNAL_INODE - 1) << fs.volume.inode_shift;

    return group == NULL ? 0 : group->inode_table + (byte >> fs.volume.block_shift);
}

static int64_t plan(struct journal *journal)
{
    uint32_t second = second_level_blocks();

    journal->sequence = (uint32_t)(fs_region()->batch & INT32_MAX) + 1;
    journal->super_block = EXT2_SUPERBLOCK_OFFSET >> fs.volume.block_shift;
    journal->table_block = journal_inode_block();
    if (journal->table_block == 0) {
        return -PE_IO;
    }
    if (is_in_batch(journal, journal->table_block)) {
        journal->table_block = 0;
    }
    journal->tags = journal->count + (journal->table_block != 0) + 1;
    journal->tags_per_descriptor =
        ((uint32_t)fs.volume.block_bytes - sizeof(struct jbd2_header) - JBD2_UUID_BYTES) / sizeof(struct jbd2_tag);
    journal->blocks = 1 + (journal->tags + journal->tags_per_descriptor - 1) / journal->tags_per_descriptor +
                      journal->tags + 1;
    journal->map_blocks = second == 0 ? 1 : 2 + second;
    journal->place = fs_scratch.journal_block;
    if (journal->blocks >= JBD2_BLOCKS_MINIMUM) {
        return -PE_NOSPC;
    }
    return blocks_find_free(fs.volume.groups - 1, journal->blocks + journal->map_blocks, fs_scratch.journal_block);
}

/* The block that tag number `tag` is for. */
static uint32_t target(const struct journal *journal, uint32_t tag)
{
    if (tag < journal->count) {
        return fs_scratch.node[journal->order[tag]].block;
    }
    return tag == journal->tags - 1 ? journal->super_block : journal->table_block;
}

static uint32_t *header(uint8_t *bytes, uint32_t type, uint32_t sequence)
{
    struct jbd2_header *head = (struct jbd2_header *)bytes;

    memset(bytes, 0, fs.volume.block_bytes);
    head->magic = big_endian(JBD2_MAGIC);
    head->type = big_endian(type);
    head->sequence = big_endian(sequence);
    return (uint32_t *)(bytes + sizeof(*head));
}

static void put_superblock(const struct journal *journal, uint8_t *bytes)
{
    struct jbd2_superblock *superblock = (struct jbd2_superblock *)bytes;

    header(bytes, JBD2_SUPERBLOCK_V2, 0);
    superblock->block_bytes = big_endian((uint32_t)fs.volume.block_bytes);
    superblock->blocks = big_endian(JBD2_BLOCKS_MINIMUM);
    superblock->first = big_endian(1);
    superblock->sequence = big_endian(journal->sequence);
    superblock->start = big_endian(1);
    superblock->users = big_endian(1);
    memcpy(superblock->uuid, signature, sizeof(signature));
}

/* The first bytes of what a tag is for, to see whether they need an escape; -PE_IO. */
static int64_t begins_with_magic(uint32_t block)
{
    const uint32_t *word = block_view(block, 0, 4);

    return word == NULL ? -PE_IO : *word == big_endian(JBD2_MAGIC);
}

/* The descriptor of tags first..last-1. */
static int64_t put_descriptor(const struct journal *journal, uint8_t *bytes, uint32_t first, uint32_t last)
{
    uint8_t *at = (uint8_t *)header(bytes, JBD2_DESCRIPTOR, journal->sequence);

    for (uint32_t tag = first; tag < last; tag++) {
        struct jbd2_tag *entry = (struct jbd2_tag *)at;
        int64_t escaped = begins_with_magic(target(journal, tag));
        uint32_t flags = (tag > first ? JBD2_FLAG_SAME_UUID : 0) | (tag + 1 == last ? JBD2_FLAG_LAST : 0);

        if (escaped < 0) {
            return escaped;
        }
        entry->block = big_endian(target(journal, tag));
        entry->flags = big_endian(flags | (escaped ? JBD2_FLAG_ESCAPED : 0));
        at += sizeof(*entry) + (tag == first ? JBD2_UUID_BYTES : 0);
    }
    return 0;
}

/* The superblock's block as it will be in the end. */
static int64_t overlay_superblock(const struct journal *journal, uint8_t *bytes)
{
    const void *block = block_view(journal->super_block, 0, (uint32_t)fs.volume.block_bytes);

    if (block == NULL) {
        return -PE_IO;
    }
    memcpy(bytes, block, fs.volume.block_bytes);
    memcpy(bytes + (EXT2_SUPERBLOCK_OFFSET & (fs.volume.block_bytes - 1)), journal->superblock,
           sizeof(*journal->superblock));
    return 0;
}

/* The block of one tag, as it goes into the journal. */
static int64_t put_target(const struct journal *journal, struct writer *writer, uint32_t tag, uint32_t place)
{
    uint32_t block = target(journal, tag);
    uint8_t *bytes = writer_next(writer, place);
    const void *cached;

    if (block == journal->super_block) {
        return overlay_superblock(journal, bytes);
    }
    cached = block_view(block, 0, (uint32_t)fs.volume.block_bytes);
    if (cached == NULL) {
        return -PE_IO;
    }
    memcpy(bytes, cached, fs.volume.block_bytes);
    if (memcmp(bytes, cached, fs.volume.block_bytes) != 0) {
        fs_panic(FS_PANIC_CHECK);
    }
    if (*(uint32_t *)bytes == big_endian(JBD2_MAGIC)) {
        *(uint32_t *)bytes = 0;
    }
    return 0;
}

/* The logical blocks of the range that hold descriptor and blocks of tags tag..last-1, of which the first is `logical`. */
static int64_t write_group(const struct journal *journal, struct writer *writer, uint32_t tag, uint32_t last,
                           uint32_t logical, uint32_t first, uint32_t end)
{
    if (logical >= first && logical < end &&
        put_descriptor(journal, writer_next(writer, journal->place[logical]), tag, last) < 0) {
        return -PE_IO;
    }
    logical++;
    for (; tag < last; tag++, logical++) {
        if (logical >= first && logical < end && put_target(journal, writer, tag, journal->place[logical]) < 0) {
            return -PE_IO;
        }
    }
    return 0;
}

/* The journal's own blocks first..end-1. */
static int64_t write_journal(const struct journal *journal, uint32_t first, uint32_t end)
{
    struct writer writer = {0};
    uint32_t logical = 0;

    if (first == 0) {
        put_superblock(journal, writer_next(&writer, journal->place[0]));
    }
    logical++;
    for (uint32_t tag = 0; tag < journal->tags; tag += journal->tags_per_descriptor) {
        uint32_t last = tag + journal->tags_per_descriptor < journal->tags ? tag + journal->tags_per_descriptor
                                                                            : journal->tags;

        if (write_group(journal, &writer, tag, last, logical, first, end) < 0) {
            return -PE_IO;
        }
        logical += 1 + last - tag;
    }
    if (logical + 1 != journal->blocks) {
        fs_panic(FS_PANIC_CHECK);
    }
    if (end == journal->blocks) {
        header(writer_next(&writer, journal->place[logical]), JBD2_COMMIT, journal->sequence);
    }
    return writer_finish(&writer);
}

/* Where logical block `logical` of the journal is; those behind its end are mapped to its first, so there is no hole. */
static uint32_t mapped(const struct journal *journal, uint32_t logical)
{
    return journal->place[logical < journal->blocks ? logical : 0];
}

/* The indirect blocks of the journal's map; the superblock's copy of the map names them. */
static int64_t write_map(const struct journal *journal)
{
    const uint32_t *place = journal->place + journal->blocks;
    struct writer writer = {0};
    uint32_t logical = EXT2_DIRECT_BLOCKS;
    uint32_t *entries = (uint32_t *)writer_next(&writer, place[0]);

    for (uint32_t index = 0; index < pointers(); index++) {
        entries[index] = mapped(journal, logical++);
    }
    if (journal->map_blocks > 1) {
        entries = (uint32_t *)writer_next(&writer, place[1]);
        for (uint32_t index = 0; index < pointers(); index++) {
            entries[index] = place[2 + index < journal->map_blocks ? 2 + index : 2];
        }
    }
    for (uint32_t second = 2; second < journal->map_blocks; second++) {
        entries = (uint32_t *)writer_next(&writer, place[second]);
        for (uint32_t index = 0; index < pointers(); index++) {
            entries[index] = mapped(journal, logical++);
        }
    }
    return writer_finish(&writer);
}

/* The one commit point: the superblock that says where the journal is. */
static int64_t write_superblock(const struct journal *journal)
{
    struct ext2_superblock *superblock = (struct ext2_superblock *)fs_scratch.staging;
    const uint32_t *place = journal->place + journal->blocks;

    memcpy(superblock, journal->superblock, sizeof(*superblock));
    superblock->feature_compatible |= EXT2_COMPATIBLE_JOURNAL;
    superblock->feature_incompatible |= EXT2_INCOMPATIBLE_RECOVER;
    superblock->journal_inode = EXT2_JOURNAL_INODE;
    superblock->journal_backup_type = EXT2_BACKUP_BLOCKS;
    memset(superblock->journal_blocks, 0, sizeof(superblock->journal_blocks));
    for (uint32_t logical = 0; logical < EXT2_DIRECT_BLOCKS; logical++) {
        superblock->journal_blocks[logical] = mapped(journal, logical);
    }
    superblock->journal_blocks[EXT2_DIRECT_BLOCKS] = place[0];
    superblock->journal_blocks[EXT2_DIRECT_BLOCKS + 1] = journal->map_blocks > 1 ? place[1] : 0;
    superblock->journal_blocks[16] = JBD2_BLOCKS_MINIMUM << fs.volume.block_shift;
    return device_write(EXT2_SUPERBLOCK_OFFSET / 512, EXT2_SUPERBLOCK_BYTES / 512, superblock);
}

void journal_remove(struct ext2_superblock *superblock)
{
    superblock->feature_compatible &= ~(uint32_t)EXT2_COMPATIBLE_JOURNAL;
    superblock->feature_incompatible &= ~(uint32_t)EXT2_INCOMPATIBLE_RECOVER;
    superblock->journal_inode = 0;
    superblock->journal_backup_type = 0;
    memset(superblock->journal_blocks, 0, sizeof(superblock->journal_blocks));
}

int64_t journal_blocks(const uint16_t *order, uint32_t count)
{
    struct journal journal = {.order = order, .count = count};
    int64_t result = plan(&journal);

    return result < 0 ? result : (int64_t)journal.blocks;
}

int64_t journal_write(const uint16_t *order, uint32_t count, const struct ext2_superblock *superblock, uint32_t first,
                      uint32_t end)
{
    struct journal journal = {.order = order, .count = count, .superblock = superblock};
    int64_t result = plan(&journal);

    return result < 0 ? -PE_IO : write_journal(&journal, first, end);
}

int64_t journal_announce(const uint16_t *order, uint32_t count, const struct ext2_superblock *superblock)
{
    struct journal journal = {.order = order, .count = count, .superblock = superblock};
    int64_t result = plan(&journal);
    int64_t frame;

    if (result < 0 || write_map(&journal) < 0 || device_flush() < 0 || write_superblock(&journal) < 0 ||
        device_flush() < 0) {
        return -PE_IO;
    }
    frame = cache_peek(0);
    if (frame >= 0) {
        cache_drop((uint32_t)frame);
    }
    return 0;
}
