/* SPDX-License-Identifier: MIT */
/*
 * Steps of the exerciser on files that are open on both sides: read, write, seek, status, truncation, listing, close.
 *
 * Rule: at each of a fixed number of places there is one file, open on both sides, or none.
 */
#ifndef TESTS_FS_EXERCISER_FILES_H
#define TESTS_FS_EXERCISER_FILES_H

#include <stdbool.h>
#include <stdint.h>

/* Nothing is open, and what is written is random. */
void files_start(void);

/* A place at random, whether it is taken, and a file that `client` has opened for it. */
uint32_t files_choose(void);
bool files_is_open(uint32_t place);
void files_add(uint32_t place, uint32_t client, int64_t handle, int descriptor);

/* A random step on a random open file. False, with a line to stderr, if the sides differ. */
bool files_step(void);

/* Close all. */
void files_close(void);

/* A random offset or size of a file in bytes. */
uint64_t random_offset(void);

#endif
