/* SPDX-License-Identifier: MIT */
/* Mounting, and the service region as a whole (mount.c). Rule: region_seal follows every change of the region. */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include "checksum.h"
#include "fs.h"

/* fs_region()->stage. */
#define STAGE_NEW       0
#define STAGE_MOUNTED   1
#define STAGE_UNMOUNTED 2
#define STAGE_REFUSED   3

/* Make everything from the disk and the committed log. 0, or why nothing is mounted (fs.mount_error). */
int64_t mount_volume(void);

/* The region's checksum, made anew. */
void region_seal(void);

static inline uint32_t region_check(const struct fs_region *region)
{
    return checksum_words(2, region, offsetof(struct fs_region, reserved) / 8);
}

#endif
