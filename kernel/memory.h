/* SPDX-License-Identifier: MIT */
/* Memory objects: pages that domains map. Anonymous ones get a zeroed frame a page when it is first needed; a
 * clone starts as the pages of its parent and gets a copy of each when it is first written; a physical one is a
 * range of addresses that exists already (a boot module, a device).
 * Rule: who has been cloned is frozen: no new writable mapping of it is made, so that clones stay what they were. So only
 * who may write it, too, can clone what is not frozen yet.
 */
#pragma once
#include "kernel/object.h"

#define MEMORY_LEAF_PAGES 512u
#define MEMORY_MAX_PAGES (512u * MEMORY_LEAF_PAGES)
#define MEMORY_CLONE_DEPTH 64u /* clones of clones: a page is looked for in so many objects at most */

struct memory {
    struct object object;
    uint32_t pages;
    uint32_t resident;       /* frames of its own */
    uint8_t physical;        /* base is a physical range, nothing is ever allocated or freed */
    uint8_t uncached;
    uint8_t frozen;
    uint8_t shared;          /* a clone that has a name: who maps it sees what others write there */
    uint8_t snapshot;        /* made by clone.c; it has no name, and its children alone keep it */
    uint8_t exclusive;       /* no page of it is mapped at two places */
    uint32_t mappings, writable_mappings;
    uint32_t protected_pages; /* since its snapshot: so many, from the first, cannot be written without a fault */
    uint64_t base;           /* of a physical one */
    struct pager *pager;     /* fills what is not there, NULL: it is zero */
    struct memory *parent;   /* of a clone */
    uint64_t **leaves;       /* one page of pointers to pages of frame addresses */
    struct memory *reap_next;
};

struct memory *memory_create(struct domain *payer, uint32_t pages);
struct memory *memory_create_physical(struct domain *payer, uint64_t base, uint32_t pages, bool uncached);

/* PD_OK if who has `rights` can clone `memory`; PD_NO_RIGHT: that would freeze it; PD_BUSY: somebody may still write it;
 * PD_TOO_LARGE: a clone too far. */
int64_t memory_cloneable(const struct memory *memory, uint8_t rights);
struct memory *memory_clone(struct domain *payer, struct memory *parent);

/* Another clone can be made of it: fewer than MEMORY_CLONE_DEPTH are below it. */
bool memory_is_shallow(const struct memory *memory);

/* The frame that page `page` reads from, 0 if there is none yet. `*own`: it may be written. */
uint64_t memory_frame(struct memory *memory, uint32_t page, bool *own);

/* Where the frame of page `page` is noted, made if need be. NULL: quota or memory used up. */
uint64_t *memory_cell(struct memory *memory, uint32_t page);

/* The frame that page `page` is written to, made now if need be. 0: quota or memory used up. */
uint64_t memory_populate(struct memory *memory, uint32_t page);

/* Give a new object all its pages at once, physically contiguous and zeroed. False: no quota, no memory. */
bool memory_make_contiguous(struct memory *memory);

void memory_end(struct memory *memory);

/* Give back some frames of memory objects that have ended; true: there is more to do. */
bool memory_reap_step(void);

struct thread;
struct capability;
struct pager;
void memory_invoke(struct thread *self, struct capability *capability, uint64_t operation);
