/* SPDX-License-Identifier: MIT */
/*
 * The redo log in the outbox: what was acknowledged and is not on the disk yet.
 *
 * Each half of the outbox is a table of record headers (kept twice) and a payload area. Payloads of whole blocks are taken from its
 * start, page-aligned like the blocks; payloads of parts from its end. A record says: bytes offset..offset+bytes-1 of
 * this block are now so. Records are absolute, so applying them again, or to a block that already has them, is harmless.
 *
 * Rules: a record behind the region's log_records does not exist; appending writes only there, and becomes true when
 * the kernel commits the region. Nothing of a record is used before its header's and its payload's checksums agree.
 * A batch is drained as a whole, then the other half begins.
 */
#ifndef FS_LOG_H
#define FS_LOG_H

#include "fs.h"

/* Index the committed records again (mount, recovery). Damaged headers are mended from their copies. */
void log_rebuild(void);

/* Begin the next batch in the other half: everything of this one is on the disk. */
void log_next_batch(void);

/* Whether a transaction of the largest size still fits. */
bool log_has_room(void);

/* Whether there is anything that is not on the disk. */
bool log_is_empty(void);

/* The node of a block that has records, or NULL. */
struct log_node *log_find(uint32_t block);

/*
 * Append a record: bytes offset..offset+bytes-1 (multiples of 8) of `block` are now as at `from`. Of a whole block the
 * caller gives the `checksums` of its chunks as the cache has them. Panics if the record does not fit, which the limits
 * of transactions exclude, and if what arrived in the outbox is not what was meant.
 */
void log_append(uint32_t block, uint32_t offset, uint32_t bytes, uint32_t kind, const uint8_t *from,
                const uint32_t *checksums);

/* Apply all records of the blocks of `unit` to its contents as read from the disk. 0, or -PE_IO (a lost record). */
int64_t log_apply(uint32_t unit, uint8_t *contents);

/* Records whose header or payload is damaged. */
int64_t log_audit(void);

#endif
