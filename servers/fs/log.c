/* SPDX-License-Identifier: MIT */
/* The redo log (log.h has the rules). */
#include "log.h"

#include "cache.h"

#define HALF_BYTES (1u << 20)

/* The header of one record. */
struct log_record {
    uint32_t block;
    uint16_t offset; /* in the block */
    uint16_t bytes;
    uint32_t payload;       /* offset in the payload area */
    uint32_t payload_check; /* of the bytes, seeded with block and offset */
    uint32_t batch;
    uint16_t number;
    uint16_t kind;
    uint32_t reserved;
    uint32_t check; /* of the fields before it */
};
_Static_assert(sizeof(struct log_record) == 32, "log record");

/* One half of the outbox. */
struct log_half {
    struct log_record header[LOG_RECORDS];
    struct log_record copy[LOG_RECORDS];
    uint8_t payload[HALF_BYTES - 2 * LOG_RECORDS * sizeof(struct log_record)];
};
_Static_assert(sizeof(struct log_half) == HALF_BYTES, "half of the outbox");
_Static_assert(offsetof(struct log_half, payload) % UNIT_BYTES == 0, "whole blocks are page-aligned");

#define PAYLOAD_BYTES (sizeof(((struct log_half *)0)->payload))

static struct log_half *current_half(void)
{
    return (struct log_half *)server_outbox() + (fs_region()->log_half & 1);
}

static uint32_t header_check(const struct log_record *record)
{
    return checksum_words((uint32_t)fs_region()->batch, record, 3) ^ record->reserved;
}

static bool header_is_valid(const struct log_record *record, uint32_t number)
{
    return header_check(record) == record->check && record->number == number &&
           record->batch == (uint32_t)fs_region()->batch && record->kind <= BLOCK_METADATA &&
           record->block < fs.volume.blocks && record->bytes != 0 &&
           (uint64_t)record->offset + record->bytes <= fs.volume.block_bytes &&
           (uint64_t)record->payload + record->bytes <= PAYLOAD_BYTES;
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

static uint32_t payload_check(uint32_t block, uint32_t offset, const uint8_t *payload, uint32_t bytes)
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

/* Make record `number` known as the latest of its block. */
static void index_record(uint32_t block, uint32_t kind, uint32_t number)
{
    struct log_node *node = log_find(block);
    uint16_t *bucket;

    fs_scratch.record_next[number] = 0;
    if (node != NULL) {
        fs_scratch.record_next[node->last] = (uint16_t)(number + 1);
        node->last = (uint16_t)number;
        if (node->kind < kind) {
            node->kind = (uint16_t)kind;
            fs.log.metadata_nodes++;
        }
        return;
    }
    bucket = bucket_of(block);
    node = &fs_scratch.node[fs.log.nodes++];
    node->block = block;
    node->first = (uint16_t)number;
    node->last = (uint16_t)number;
    node->kind = (uint16_t)kind;
    node->next = *bucket;
    *bucket = (uint16_t)fs.log.nodes;
    fs.log.metadata_nodes += kind;
}

void log_rebuild(void)
{
    struct log_half *half = current_half();
    uint32_t records = fs_region()->log_records;

    memset(&fs.log, 0, sizeof(fs.log));
    for (uint32_t number = 0; number < records; number++) {
        struct log_record *header = &half->header[number];

        if (!header_is_valid(header, number)) {
            if (!header_is_valid(&half->copy[number], number)) {
                server_log("log record %u is lost", number);
                continue;
            }
            *header = half->copy[number];
        }
        index_record(header->block, header->kind, number);
    }
}

void log_next_batch(void)
{
    struct fs_region *region = fs_region();

    region->batch++;
    region->log_half ^= 1;
    region->log_records = 0;
    region->log_block_bytes = 0;
    region->log_patch_bytes = 0;
    region->blocks_freed = 0;
    region->inodes_freed = 0;
    memset(&fs.log, 0, sizeof(fs.log));
}

bool log_has_room(void)
{
    const struct fs_region *region = fs_region();
    uint64_t used = (uint64_t)region->log_block_bytes + region->log_patch_bytes;

    return region->log_records + TOUCH_MAXIMUM <= LOG_RECORDS && used + TOUCH_BYTES + UNIT_BYTES <= PAYLOAD_BYTES &&
           fs.log.metadata_nodes <= METADATA_MAXIMUM;
}

bool log_is_empty(void)
{
    return fs_region()->log_records == 0;
}

/* Room for a payload; its offset in the payload area. */
static uint32_t take_payload(uint32_t bytes)
{
    struct fs_region *region = fs_region();
    uint32_t offset = region->log_block_bytes;

    if ((uint64_t)region->log_block_bytes + region->log_patch_bytes + bytes > PAYLOAD_BYTES ||
        region->log_records >= LOG_RECORDS) {
        fs_panic(FS_PANIC_LOG);
    }
    if (bytes == fs.volume.block_bytes) {
        region->log_block_bytes += bytes;
        return offset;
    }
    region->log_patch_bytes += bytes;
    return (uint32_t)(PAYLOAD_BYTES - region->log_patch_bytes);
}

void log_append(uint32_t block, uint32_t offset, uint32_t bytes, uint32_t kind, const uint8_t *from,
                const uint32_t *checksums)
{
    struct log_half *half = current_half();
    uint32_t check = bytes == fs.volume.block_bytes ? fold_checksums(block, checksums)
                                                    : patch_check(block, offset, from, bytes);
    uint32_t payload = take_payload(bytes);
    uint32_t number = fs_region()->log_records++;
    struct log_record record = {
        .block = block,
        .offset = (uint16_t)offset,
        .bytes = (uint16_t)bytes,
        .payload = payload,
        .payload_check = check,
        .batch = (uint32_t)fs_region()->batch,
        .number = (uint16_t)number,
        .kind = (uint16_t)kind,
    };

    memcpy(half->payload + payload, from, bytes);
    if (payload_check(block, offset, half->payload + payload, bytes) != check) {
        fs_panic(FS_PANIC_LOG);
    }
    record.check = header_check(&record);
    half->header[number] = record;
    half->copy[number] = record;
    index_record(block, kind, number);
}

/* Apply the records of one block. */
static int64_t apply_block(const struct log_node *node, uint8_t *contents)
{
    struct log_half *half = current_half();
    uint32_t number = node->first + 1u;

    while (number != 0) {
        struct log_record *record = &half->header[number - 1];
        const uint8_t *payload;

        if (number > LOG_RECORDS || !header_is_valid(record, number - 1) || record->block != node->block) {
            fs_panic(FS_PANIC_LOG);
        }
        payload = half->payload + record->payload;
        if (payload_check(record->block, record->offset, payload, record->bytes) != record->payload_check) {
            fs.statistics.records_lost++;
            server_log("log record %u of block %u is damaged", number - 1, record->block);
            return -PE_IO;
        }
        memcpy(contents + record->offset, payload, record->bytes);
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
            payload_check(record->block, record->offset, half->payload + record->payload, record->bytes) !=
                record->payload_check) {
            server_log("audit: log record %u is damaged", number);
            damaged++;
        }
    }
    return damaged;
}
