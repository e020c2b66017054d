/* SPDX-License-Identifier: MIT */
/* What the starting of programs needs of heap and mappings. */
#ifndef NEWLIB_MAPPINGS_H
#define NEWLIB_MAPPINGS_H

#include <stdint.h>

/* Can so many pages more be had, beside what a program needs to go on? */
int glue_quota_has(uint64_t pages);

/* The slot of the memory of the mapping that begins at `start`; 0 if there is none. */
uint32_t glue_mapping_memory(const void *start);

/* A range of this program's own memory, as the kernel has it mapped. */
struct region {
    uint64_t start;
    uint64_t pages;
    uint64_t rights; /* 0: not mapped */
    uint32_t memory; /* slot */
    uint64_t first_page;
    int shared; /* with children, too */
};

/* The heap; 0 if it has not been used yet. */
int glue_heap_region(struct region *region);

/* The heap (index 0) and the mappings that there are, by index; 0 after the last. A free one has no pages. */
int glue_region(unsigned index, struct region *region);

/*
 * Before a fork: all pages of mapped files are fetched, since the child's would be asked for in its parent's session of the
 * file system, and all of shared memory are made, since its parent pays for them. 0, or -1 and errno. In the child: the files that mappings have kept open are its parent's.
 */
int glue_mappings_fork(void);
void glue_mappings_forked(void);

/* Before an exec, when nothing can fail any more: close the files that only mappings have kept open. */
void glue_mappings_exec(void);

#endif
