/* SPDX-License-Identifier: MIT */
/* The redo log (log.h has the rules). */
#include "log.h"

#include "cache.h"
#include "volume.h"

#define HALF_BYTES (1u << 20)
#define COPY_BYTES (128u << 10)

#define NO_COPY    UINT32_MAX
#define PATCH_COPIED_BYTES 512 /* contents of files are kept twice up to so many */

/* The header of one record. */
struct log_record {
    uint32_t block;
    uint16_t offset; /* in the block */
    uint16_t bytes;
    uint32_t payload;       /* offset in the area of payloads */
    uint32_t payload_check; /* of the bytes, seeded with block and offset */
    uint32_t batch;
    uint16_t number;
    uint16_t kind;
    uint32_t copy;  /* offset in the area of copies, or NO_COPY */
    uint32_t check; /* of the fields before it */
};
_Static_assert(sizeof(struct log_record) == 32, "log record");

/* One half of the outbox. */
struct log_half {
    struct log_record header[LOG_RECORDS];
    struct log_record header_copy[LOG_RECORDS];
    uint8_t payload[HALF_BYTES - 2 * LOG_RECORDS * sizeof(struct log_record) - COPY_BYTES];
    uint8_t payload_copy[COPY_BYTES];
};
_Static_assert(sizeof(struct log_half) == HALF_BYTES, "half of the outbox");

#define PAYLOAD_BYTES (sizeof(((struct log_half *)0)->payload))

static struct log_half *current_half(void)
{
    return (struct log_half *)server_outbox() + (fs_region()->log_half & 1);
}

static uint32_t header_check(const struct log_record *record)
{
    return checksum_words(record->copy, record, 3);
}

static bool header_is_valid(const struct log_record *record, uint32_t number)
{
    return header_check(record) == record->check && record->number == number &&
           record->batch == (uint32_t)fs_region()->batch && record->kind <= BLOCK_METADATA &&
           record->block < fs.volume.blocks && record->bytes != 0 &&
           (uint64_t)record->offset + record->bytes <= fs.volume.block_bytes &&
           (uint64_t)record->payload + record->bytes <= PAYLOAD_BYTES &&
           (record->copy == NO_COPY || (uint64_t)record->copy + record->bytes <= COPY_BYTES);
}

static uint32_t patch_check(uint32_t block, uint32_t offset, const uint8_t *payload, uint32_t bytes)
{
    return checksum_words(block << 12 ^ offset, payload, bytes >> 3);
}

/* A whole block's payload is checked by the checksums that its chunks have in the cache. */
static uint32_t fold_checksums(uint32_t block, const uint32_t *checksums)
{
    return checksum_words(block, checksums, fs.volume.block_bytes / CHUNK_BYTES / 2);
}

static void chunk_checksums(uint32_t block, const uint8_t *payload, uint32_t *checksums)
{
    uint32_t unit = block >> fs.volume.unit_shift;
    uint32_t first = ((block << fs.volume.block_shift) & (UNIT_BYTES - 1)) >> CHUNK_SHIFT;
    uint32_t chunks = (uint32_t)fs.volume.block_bytes >> CHUNK_SHIFT;
    uint32_t seed = cache_seed(unit, first); /* the seeds of a unit's chunks follow each other */

    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        checksums[chunk] = checksum_chunk(seed + chunk, payload + chunk * CHUNK_BYTES);
    }
}

uint32_t log_payload_check(uint32_t block, uint32_t offset, const uint8_t *payload, uint32_t bytes)
{
    uint64_t checksums[UNIT_CHUNKS / 2];

    if (bytes != fs.volume.block_bytes) {
        return patch_check(block, offset, payload, bytes);
    }
    chunk_checksums(block, payload, (uint32_t *)checksums);
    return fold_checksums(block, (uint32_t *)checksums);
}

static uint16_t *bucket_of(uint32_t block)
{
    return &fs.log.bucket[(block ^ block >> 9) & (LOG_BUCKETS - 1)];
}

struct log_node *log_find(uint32_t block)
{
    uint32_t number = *bucket_of(block);

    while (number != 0) {
        struct log_node *node;

        if (number > LOG_RECORDS) {
            fs_panic(FS_PANIC_LOG);
        }
        node = &fs_scratch.node[number - 1];
        if (node->block == block) {
            return node;
        }
        number = node->next;
    }
    return NULL;
}

static void set_kind(struct log_node *node, uint32_t kind)
{
    fs.log.kind_nodes[node->kind]--;
    fs.log.kind_nodes[kind]++;
    node->kind = (uint16_t)kind;
}

/*
 * A record is gone, which no copy could mend. Who waits for this batch learns that not all of it came to the disk. If it was
 * metadata nothing is changed any more: what was built on it would be wrong, too.
 */
static void lose(uint32_t kind)
{
    struct fs_region *region = fs_region();

    fs.statistics.records_lost++;
    region->lost_batch = (uint32_t)region->batch;
    if (kind == BLOCK_METADATA) {
        region->flags |= REGION_DAMAGED;
        volume_distrust();
    }
}

/* A later record counts. What was lost of the block is replaced by it: nobody reads what is not there. */
static void replace_kind(struct log_node *node, uint32_t kind)
{
    bool was_lost = node->kind == BLOCK_LOST;

    set_kind(node, kind);
    if (was_lost && fs.log.kind_nodes[BLOCK_LOST] == 0 && !(fs_region()->flags & REGION_DAMAGED)) {
        fs_region()->lost_batch = 0;
    }
}

/* Make record `number` known as the latest of its block. One of the whole block makes those before it immaterial. */
static void index_record(const struct log_record *record, uint32_t number)
{
    struct log_node *node = log_find(record->block);
    bool whole = record->bytes == fs.volume.block_bytes;
    uint16_t *bucket;

    fs_scratch.record_next[number] = 0;
    if (node != NULL) {
        fs_scratch.record_next[node->last] = (uint16_t)(number + 1);
        node->last = (uint16_t)number;
        node->first = whole ? (uint16_t)number : node->first;
        if (node->kind != record->kind && node->kind != BLOCK_METADATA) {
            replace_kind(node, record->kind);
        }
        return;
    }
    bucket = bucket_of(record->block);
    node = &fs_scratch.node[fs.log.nodes++];
    node->block = record->block;
    node->first = (uint16_t)number;
    node->last = (uint16_t)number;
    node->kind = record->kind;
    node->next = *bucket;
    *bucket = (uint16_t)fs.log.nodes;
    fs.log.kind_nodes[record->kind]++;
}

void log_rebuild(void)
{
    struct log_half *half = current_half();
    uint32_t records = fs_region()->log_records;

    memset(&fs.log, 0, sizeof(fs.log));
    for (uint32_t number = 0; number < records; number++) {
        struct log_record *header = &half->header[number];

        if (!header_is_valid(header, number)) {
            if (!header_is_valid(&half->header_copy[number], number)) {
                server_log("log record %u is lost; run e2fsck", number);
                lose(BLOCK_METADATA); /* whatever it was */
                continue;
            }
            *header = half->header_copy[number];
        }
        index_record(header, number);
    }
}

void log_next_batch(void)
{
    struct fs_region *region = fs_region();

    region->batch++;
    region->log_half ^= 1;
    region->log_records = 0;
    region->log_payload_bytes = 0;
    region->log_copy_bytes = 0;
    region->blocks_freed = 0;
    region->inodes_freed = 0;
    memset(&fs.log, 0, sizeof(fs.log));
}

void log_room(uint32_t *records, uint32_t *bytes)
{
    const struct fs_region *region = fs_region();
    uint32_t records_left = LOG_RECORDS - region->log_records;
    uint32_t bytes_left = (uint32_t)PAYLOAD_BYTES - region->log_payload_bytes;

    *records = records_left < TOUCH_MAXIMUM ? records_left : TOUCH_MAXIMUM;
    *bytes = bytes_left < TOUCH_BYTES ? bytes_left : TOUCH_BYTES;
}

bool log_has_room(void)
{
    const struct fs_region *region = fs_region();

    return region->log_records <= LOG_RECORDS - TOUCH_ORDINARY &&
           region->log_payload_bytes <= PAYLOAD_BYTES - BYTES_ORDINARY &&
           fs.log.kind_nodes[BLOCK_METADATA] <= METADATA_MAXIMUM;
}

bool log_is_empty(void)
{
    return fs_region()->log_records == 0;
}

/* Room for a payload; its offset in its area. */
static uint32_t take_payload(uint32_t bytes)
{
    struct fs_region *region = fs_region();
    uint32_t offset = region->log_payload_bytes;

    if (offset + bytes > PAYLOAD_BYTES || region->log_records >= LOG_RECORDS) {
        fs_panic(FS_PANIC_LOG);
    }
    region->log_payload_bytes = offset + bytes;
    return offset;
}

/* Room for a copy of it, if it deserves one and there is any. */
static uint32_t take_copy(uint32_t bytes, uint32_t kind)
{
    struct fs_region *region = fs_region();
    uint32_t offset = region->log_copy_bytes;

    if ((kind != BLOCK_METADATA && bytes > PATCH_COPIED_BYTES) || offset + bytes > COPY_BYTES) {
        return NO_COPY;
    }
    region->log_copy_bytes = offset + bytes;
    return offset;
}

void log_append(const struct touch *touch, const uint8_t *from, const uint32_t *checksums)
{
    struct log_half *half = current_half();
    uint32_t bytes = touch->high - touch->low;
    uint32_t check = bytes == fs.volume.block_bytes ? fold_checksums(touch->block, checksums)
                                                    : patch_check(touch->block, touch->low, from, bytes);
    uint32_t payload = take_payload(bytes);
    uint32_t number = fs_region()->log_records++;
    struct log_record *header = &half->header[number];

    memcpy(half->payload + payload, from, bytes);
    if (log_payload_check(touch->block, touch->low, half->payload + payload, bytes) != check) {
        fs_panic(FS_PANIC_LOG);
    }
    header->block = touch->block;
    header->offset = touch->low;
    header->bytes = (uint16_t)bytes;
    header->payload = payload;
    header->payload_check = check;
    header->batch = (uint32_t)fs_region()->batch;
    header->number = (uint16_t)number;
    header->kind = touch->kind;
    header->copy = take_copy(bytes, touch->kind);
    if (header->copy != NO_COPY) {
        memcpy(half->payload_copy + header->copy, from, bytes);
    }
    header->check = header_check(header);
    half->header_copy[number] = *header;
    index_record(header, number);
}

uint32_t log_confirm(uint32_t first, const struct touch *touch, uint32_t count)
{
    const struct log_half *half = current_half();
    uint32_t digest = 0;

    for (uint32_t number = first; number < first + count; number++, touch++) {
        const struct log_record *header = &half->header[number];
        const struct log_node *node = log_find(header->block);

        if (header->block != touch->block || header->offset != touch->low ||
            header->bytes != touch->high - touch->low || header->number != number || header->kind != touch->kind ||
            header_check(header) != header->check || node == NULL || node->last != number) {
            fs_panic(FS_PANIC_LOG);
        }
        digest = log_digest(digest, touch, header->payload_check);
    }
    if (fs_region()->log_records != first + count) {
        fs_panic(FS_PANIC_LOG);
    }
    return digest;
}

/* Whether the payload agrees with its header; it is mended from its copy if need be. */
static bool payload_is_sound(const struct log_record *record)
{
    struct log_half *half = current_half();
    uint8_t *payload = half->payload + record->payload;
    const uint8_t *copy;

    if (log_payload_check(record->block, record->offset, payload, record->bytes) == record->payload_check) {
        return true;
    }
    if (record->copy == NO_COPY) {
        return false;
    }
    copy = half->payload_copy + record->copy;
    if (log_payload_check(record->block, record->offset, copy, record->bytes) != record->payload_check) {
        return false;
    }
    memcpy(payload, copy, record->bytes);
    return true;
}

/*
 * Record `record` of the node is gone. Descriptors of groups do without it: where the metadata lies never changes, and
 * the counts matter to nobody any more who only reads.
 */
static int64_t lose_record(struct log_node *node, const struct log_record *record)
{
    uint32_t descriptor_blocks = (fs.volume.groups * EXT2_DESCRIPTOR_BYTES - 1) >> fs.volume.block_shift;

    server_log("log record %u of block %u is damaged; run e2fsck", record->number, record->block);
    lose(record->kind);
    if (record->block - fs.volume.descriptor_block <= descriptor_blocks) {
        return 0;
    }
    set_kind(node, BLOCK_LOST);
    return -PE_IO;
}

/* Apply the records of one block. */
static int64_t apply_block(struct log_node *node, uint8_t *contents)
{
    struct log_half *half = current_half();
    uint32_t number = node->first + 1u;

    while (number != 0) {
        struct log_record *record = &half->header[number - 1];

        if (number > LOG_RECORDS || !header_is_valid(record, number - 1) || record->block != node->block) {
            fs_panic(FS_PANIC_LOG);
        }
        if (payload_is_sound(record)) {
            memcpy(contents + record->offset, half->payload + record->payload, record->bytes);
        } else if (lose_record(node, record) < 0) {
            return -PE_IO;
        }
        number = fs_scratch.record_next[number - 1];
    }
    return 0;
}

int64_t log_apply(uint32_t unit, uint8_t *contents)
{
    uint32_t shift = fs.volume.unit_shift;
    uint32_t first = unit << shift;

    if (fs.log.nodes == 0) {
        return 0;
    }
    for (uint32_t index = 0; index < 1u << shift; index++) {
        struct log_node *node = log_find(first + index);

        if (node != NULL && apply_block(node, contents + (index << fs.volume.block_shift)) < 0) {
            return -PE_IO;
        }
    }
    return 0;
}

int64_t log_audit(void)
{
    struct log_half *half = current_half();
    int64_t damaged = 0;

    for (uint32_t number = 0; number < fs_region()->log_records; number++) {
        const struct log_record *record = &half->header[number];

        if (!header_is_valid(record, number) ||
            log_payload_check(record->block, record->offset, half->payload + record->payload, record->bytes) !=
                record->payload_check) {
            server_log("audit: log record %u is damaged", number);
            damaged++;
        }
    }
    return damaged;
}
