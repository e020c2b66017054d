/* SPDX-License-Identifier: MIT */
/* Physical page frames. Rule: a frame belongs to exactly one owner at a time, and the owner's quota has paid for
 * it. Allocation and freeing take constant time; contents are undefined unless zeroed is asked for.
 */
#pragma once
#include "kernel/object.h"

void frame_initialise(void);

/* The physical address of a frame charged to `payer` (NULL: the kernel itself), 0 if quota or memory is used up. */
uint64_t frame_allocate(struct domain *payer);
uint64_t frame_allocate_zeroed(struct domain *payer);

/* `count` consecutive frames, of which the first is returned; only from memory that was never used. 0: none. */
uint64_t frame_allocate_contiguous(struct domain *payer, uint32_t count);

void frame_free(struct domain *payer, uint64_t physical);

/* Frames that are free now, and that were free when the kernel started. */
uint64_t frame_count_free(void);
uint64_t frame_count_total(void);
