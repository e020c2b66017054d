/* SPDX-License-Identifier: MIT */
/*
 * The disk of the build machine's block service: an image in memory.
 *
 * Rule: it fails where host_plan says so, and when the power is cut the last write is torn between two sectors.
 */
#ifndef TESTS_FS_DISK_H
#define TESTS_FS_DISK_H

#include <stddef.h>
#include <stdint.h>

/* Take a copy of an image as the disk; of a file; of bytes in memory. */
void disk_load(const char *image);
void disk_copy(const void *image, size_t bytes);

uint64_t disk_sectors(void);

/*
 * One request of the block service (BLK_READ, BLK_WRITE, BLK_FLUSH): its result. Sets host_power_is_off where the plan cuts the
 * power; then nothing more may be asked of it.
 */
int64_t disk_serve(uint32_t operation, uint64_t first, uint64_t count, uint8_t *memory);

/* Write the disk as it is now to a file. */
void host_save(const char *image);

/* The disk's bytes, for damage. */
uint8_t *host_disk(size_t *bytes);

#endif
