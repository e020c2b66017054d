/* SPDX-License-Identifier: MIT */
/*
 * The map of this program's regions above PROGRAM_MAP, as mmap() makes them.
 *
 * Rule: an entry is one mapping of the kernel's. Those that a partial munmap() or mprotect() has split share a memory, which is
 * given up with the last of them, and each keeps its file open.
 */
#ifndef NEWLIB_MAP_H
#define NEWLIB_MAP_H

#include "newlib/glue.h"

struct mapped {
    uint8_t *start;
    uint64_t pages; /* 0: a free entry */
    uint64_t first_page; /* of the memory */
    uint64_t rights; /* 0: the addresses are kept, but nothing may be done there */
    uint32_t memory;
    int shared;
    struct open_file *file; /* whose pages are fetched when they are touched, NULL: none; a reference */
    uint64_t offset;        /* of the memory's first page in it */
};

/* A free entry of the map; NULL and ENOMEM. */
struct mapped *glue_map_new(void);

/* Pages at `place`, at most `pages`, that are of one mapping, or, *mapping NULL, of none. */
uint64_t glue_map_run(uint8_t *place, uint64_t pages, struct mapped **mapping);

/* Whether every page of a range is mapped: 0, or -1 and errno. */
int glue_map_check(const void *address, uint64_t pages);

/* Have the kernel map what an entry says. 0, or -1 and errno. */
int glue_map_show(const struct mapped *mapping);

/* Give what there is in a range other rights, or remove it; holes stay. 0, or -1 and errno. */
int glue_map_change(void *address, uint64_t pages, int remove, uint64_t rights);

#endif
