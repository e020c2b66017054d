/* SPDX-License-Identifier: MIT */
/*
 * Many blocks at once: a journal that exists only while a batch is written back.
 *
 * ext2 has no journal, but e2fsck replays one wherever the superblock says that there is. So the metadata of a batch is first
 * written to blocks that are free, in the format of ext3's journal (JBD2: superblock, descriptors, blocks, commit), then
 * one write of the superblock adds "has a journal, needs recovery" and where it lies (its backup field for the journal's block
 * map), then the metadata goes to its places, then one write of the superblock takes the features back. After a power cut
 * e2fsck -p, and our own mount, replay the journal; the superblock it holds has the features off again, so what
 * remains is the ext2 volume as it would have been.
 *
 * Rule: the write of the superblock is the one commit point; a flush lies on each side of it.
 */
#ifndef FS_JOURNAL_H
#define FS_JOURNAL_H

#include "fs.h"

/*
 * The journal of the metadata blocks of the nodes order[0..count-1] (ascending by block) and the superblock takes so many
 * blocks; -PE_NOSPC if there are too few free ones, or -PE_IO. As long as the batch does not grow the answer and the
 * places stay the same.
 */
int64_t journal_blocks(const uint16_t *order, uint32_t count);

/* Write blocks first..end-1 of it. 0 or -PE_IO. */
int64_t journal_write(const uint16_t *order, uint32_t count, const struct ext2_superblock *superblock, uint32_t first,
                      uint32_t end);

/* All of it is written: announce it in the superblock. From here on the batch is safe from a power cut. 0 or -PE_IO. */
int64_t journal_announce(const uint16_t *order, uint32_t count, const struct ext2_superblock *superblock);

/* Take out of a superblock what announces the journal. */
void journal_remove(struct ext2_superblock *superblock);

/* Whether the superblock names a journal of ours that waits for its replay. */
bool journal_is_pending(const struct ext2_superblock *superblock);

/* Replay it and write the superblock it holds. fs.volume has the geometry, the cache is empty. 0 or -PE_IO. */
int64_t journal_replay(const struct ext2_superblock *superblock);

#endif
