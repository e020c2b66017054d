/* SPDX-License-Identifier: MIT */
/*
 * The redo log in the outbox: what was acknowledged and is not on the disk yet.
 *
 * Each half of the outbox is a table of record headers, a copy of it, an area of payloads and one of copies of payloads (of
 * metadata, and of short changes to contents). Both areas fill upwards, so that a copy that runs over its end, the likeliest
 * stray write, meets nothing that is committed. A record says: bytes offset..offset+bytes-1 of this block are now so.
 * Records are absolute, so applying them again, or to a block that already has them, is harmless.
 *
 * Rules: a record behind the region's log_records does not exist; appending writes only there, and becomes true when
 * the kernel commits the region. Nothing of a record is used before its header's and its payload's checksums agree.
 * A batch is drained as a whole, then the other half begins.
 *
 * What is damaged is mended from its copy. A record without a sound copy is lost: its block cannot be read until it is
 * written as a whole again, the rest of the batch is kept; if it was metadata the volume becomes read-only.
 */
#ifndef FS_LOG_H
#define FS_LOG_H

#include "fs.h"

/* Index the committed records again (mount, recovery). Damaged headers are mended from their copies. */
void log_rebuild(void);

/* Begin the next batch in the other half: everything of this one is on the disk. */
void log_next_batch(void);

/* Whether an ordinary transaction still fits, and the batch has not too much metadata. */
bool log_has_room(void);

/* Records and bytes of payload that still fit, as far as one transaction may use them. */
void log_room(uint32_t *records, uint32_t *bytes);

/* Whether there is anything that is not on the disk. */
bool log_is_empty(void);

/* The node of a block that has records, or NULL. */
struct log_node *log_find(uint32_t block);

/*
 * Append a record: what `touch` names is now as at `from`. Of a whole block the caller gives the `checksums` of its chunks as the
 * cache has them. Panics if the record does not fit, which the limits of transactions exclude, and if what arrived in the
 * outbox is not what was meant.
 */
void log_append(const struct touch *touch, const uint8_t *from, const uint32_t *checksums);

/*
 * Panic unless the last `count` records, the first of which is number `first`, are there, sound, indexed and those of the
 * touches. Returns their digest.
 */
uint32_t log_confirm(uint32_t first, const struct touch *touch, uint32_t count);

/* Goes on with a digest of records: one of `touch` with this checksum of its payload. */
static inline uint32_t log_digest(uint32_t digest, const struct touch *touch, uint32_t payload_check)
{
    uint64_t crc = digest;

    crc = __builtin_ia32_crc32di(crc, touch->block | (uint64_t)touch->low << 32 | (uint64_t)touch->high << 48);
    return (uint32_t)__builtin_ia32_crc32di(crc, payload_check | (uint64_t)touch->kind << 32);
}

/* The checksum that a record of these bytes has. */
uint32_t log_payload_check(uint32_t block, uint32_t offset, const uint8_t *payload, uint32_t bytes);

/* Apply all records of the blocks of `unit` to its contents as read from the disk. 0, or -PE_IO (a lost record). */
int64_t log_apply(uint32_t unit, uint8_t *contents);

/* Records whose header or payload is damaged. */
int64_t log_audit(void);

#endif
