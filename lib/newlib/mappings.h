/* SPDX-License-Identifier: MIT */
/* What the starting of programs needs of mappings. */
#ifndef NEWLIB_MAPPINGS_H
#define NEWLIB_MAPPINGS_H

#include <stdint.h>

/* The slot of the memory of the mapping that begins at `start`; 0 if there is none. */
uint32_t glue_mapping_memory(const void *start);

#endif
