/* SPDX-License-Identifier: MIT */
/*
 * Random file operations, each done twice: by the server under test and by the build machine's own kernel in an
 * empty directory (its root, by chroot). Results, errors, contents, types, link counts and listings must be the same.
 *
 * Rule: what is compared is what a program can see; a step's operation follows from the seed alone.
 */
#ifndef TESTS_FS_EXERCISER_H
#define TESTS_FS_EXERCISER_H

#include <stdbool.h>
#include <stdint.h>

/* Start with an empty tree on both sides: `directory` is made anew. Both trees begin with lost+found. */
void exerciser_start(const char *directory);

/* Do `steps` operations. False, with a line to stderr, at the first difference. */
bool exerciser_run(uint64_t steps);

/* Close everything, leave the chroot. */
void exerciser_end(void);

#endif
