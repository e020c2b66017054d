/* SPDX-License-Identifier: MIT */
/*
 * Writing a batch of the log back to the disk, all of it or nothing.
 *
 * Contents of files go first, in place: new blocks are not owned by anyone on the disk yet, since nothing that was freed in
 * a batch is used again in it. Metadata goes through a journal (journal.h), so that a power cut at any moment leaves
 * the volume as it was before or as it is after. Then the log's other half begins.
 *
 * Rule: only committed records are written, so this runs when the transaction has changed nothing. A crash in the
 * middle is harmless: the log is still there, and writing it again gives the same disk.
 */
#ifndef FS_DRAIN_H
#define FS_DRAIN_H

#include "fs.h"

/* Stages of a drain, in fs_region()->drain_stage. While one is under way the batch does not grow. */
#define DRAIN_NONE     0
#define DRAIN_DATA     1 /* contents of files to their places */
#define DRAIN_JOURNAL  2 /* metadata to the journal, then the superblock that announces it */
#define DRAIN_METADATA 3 /* metadata to its places, then the superblock without the journal */
#define DRAIN_FINISH   4 /* the batch is on the disk: the next one begins */

/* A drain is under way. */
static inline bool drain_is_running(void)
{
    return fs_region()->drain_stage != DRAIN_NONE;
}

/* Let a drain begin: the log is not empty, the transaction has changed nothing. */
void drain_begin(void);

/*
 * One step, of at most DRAIN_STEP_BLOCKS blocks; afterwards the region says how far the drain is, so that a crash repeats
 * this step only. 0, or -PE_IO (then the drain is given up and the log kept).
 */
int64_t drain_step(void);

/* The journal was found and replayed at a mount: if a drain is under way its batch is on the disk as a whole. */
void drain_replayed(void);

/* Write everything committed back and make it durable, in this transaction. 0 or -PE_IO (then the log is kept). */
int64_t drain_all(void);

/* The same, and the superblock says cleanly unmounted if it did before. */
int64_t drain_for_unmount(void);

#endif
