/* SPDX-License-Identifier: MIT */
/* What the starting of programs needs of mappings. */
#ifndef NEWLIB_MAPPINGS_H
#define NEWLIB_MAPPINGS_H

#include <stdint.h>

/* The slot of the memory of the mapping that begins at `start`; 0 if there is none. */
uint32_t glue_mapping_memory(const void *start);

/* A range of this program's own memory, as the kernel has it mapped. */
struct region {
    uint64_t start;
    uint64_t pages;
    uint64_t rights; /* 0: not mapped */
    uint32_t memory; /* slot, 0 if this program has no name for it */
    uint64_t first_page;
    uint64_t used_pages; /* those after it hold nothing yet */
};

/* The heap (index 0) and the mappings that there are, by index; 0 after the last. A free one has no pages. */
int glue_region(unsigned index, struct region *region);

#endif
