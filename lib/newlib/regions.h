/* SPDX-License-Identifier: MIT */
/* This program's own image in memory, for fork and exec. */
#ifndef NEWLIB_REGIONS_H
#define NEWLIB_REGIONS_H

#include "spawn/spawn.h"

/* The mappings of this program's image, from the headers that lie at its start; how many. */
uint32_t glue_own_image(struct elf_program *program, struct spawn_part parts[SPAWN_PARTS_MAXIMUM]);

#endif
