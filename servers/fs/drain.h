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

/* Write everything committed back and make it durable. 0 or -PE_IO (then the log is kept). */
int64_t drain_all(void);

/* The same, and the superblock says cleanly unmounted if it did before. */
int64_t drain_for_unmount(void);

#endif
