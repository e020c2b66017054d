/* SPDX-License-Identifier: MIT */
/*
 * Disks to begin with, made by the build machine's mke2fs and filled by the file server itself: files of all lengths, with
 * indirect blocks and holes, links of both kinds, directories; one of them was cut off while its journal waited for its replay.
 */
#ifndef TESTS_FUZZ_FS_IMAGES_H
#define TESTS_FUZZ_FS_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#define FS_IMAGES 3

struct fs_image {
    uint8_t *bytes;
    size_t size;
    uint32_t *sectors; /* numbers of those that hold structure, not contents of files */
    size_t sector_count;
};

extern struct fs_image fs_images[FS_IMAGES];

/* Paths that are on each of them, and some that are not. */
#define FS_PATHS 12
extern const char *const fs_paths_known[FS_PATHS];

/* Once, before anything else. */
void fs_images_make(void);

#endif
