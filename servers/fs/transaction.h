/* SPDX-License-Identifier: MIT */
/*
 * One call's changes to blocks: look at bytes, change bytes, then commit all to the log or abort all.
 *
 * Rules: whoever wants to change bytes calls block_edit first, for exactly these bytes. block_edit can fail, so an
 * operation calls it before it changes anything else that is not undone by transaction_abort (SSR, open table).
 * Pointers from block_view are good for 64 look-ups (cache.h), those from block_edit and block_make until the end.
 */
#ifndef FS_TRANSACTION_H
#define FS_TRANSACTION_H

#include "cache.h"
#include "fs.h"

/* Begin. A revocable transaction saves what it changes in the cache, so that an abort has it back without the disk. */
void transaction_begin(bool revocable);

/*
 * Everything changed so far becomes records of the log, which the region then covers, and the client's SSR changes. Cannot
 * fail. Panics unless the records are those that were meant: those of the touched blocks and, if `digest` is given, those
 * that had this digest.
 */
void transaction_commit(const uint32_t *digest);

/* Everything changed so far is forgotten; the transaction begins again. */
void transaction_abort(void);

/* A checksum of all that the transaction would do at its commit. */
uint32_t transaction_digest(void);

/* Whether an error only says that the request has to come again, in another way. */
static inline bool transaction_comes_again(int64_t result)
{
    return result == FS_TWICE || fs.transaction.failure == (uint32_t)-FS_DRAIN_FIRST;
}

static inline bool transaction_is_empty(void)
{
    return fs.transaction.count == 0;
}

/* Bytes offset..offset+bytes-1 of `block`, checked; NULL if the block cannot be read. bytes > 0, inside the block. */
const void *block_view(uint32_t block, uint32_t offset, uint32_t bytes);

/*
 * The same, to be changed. NULL if the block cannot be read, the transaction is full or the log is (fs.transaction.failure
 * says which: PE_IO, PE_NOMEM, -FS_DRAIN_FIRST).
 */
void *block_edit(uint32_t block, uint32_t offset, uint32_t bytes, uint32_t kind);

/* A whole block, zeroed, without reading it: for blocks that were free. NULL like block_edit. */
void *block_make(uint32_t block, uint32_t kind);

/*
 * A whole block whose contents the caller will copy in with its checksums (data.c): nothing is zeroed, nothing
 * read if the block is a unit. Returns the frame, or -PE_IO, -PE_NOMEM, FS_DRAIN_FIRST.
 */
int64_t block_replace(uint32_t block, uint32_t kind);

/* Mark bytes of a block in `frame` as changed by this transaction without looking at them. 0, -PE_NOMEM, FS_DRAIN_FIRST. */
int64_t block_touch(uint32_t frame, uint32_t block, uint32_t offset, uint32_t bytes, uint32_t kind);

static inline uint32_t block_unit(uint32_t block)
{
    return block >> fs.volume.unit_shift;
}

/* Where the block begins in its unit. */
static inline uint32_t block_place(uint32_t block)
{
    return (uint32_t)(block << fs.volume.block_shift) & (UNIT_BYTES - 1);
}

/* Whether a block number read from the disk can be meant seriously. */
static inline bool block_is_valid(uint32_t block)
{
    return block > fs.volume.first_data_block && block < fs.volume.blocks;
}

#endif
