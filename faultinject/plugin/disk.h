/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The RAM disk in guest memory: where it is, its hash, a copy of it. */
#ifndef FAULTINJECT_DISK_H
#define FAULTINJECT_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Where changed images are written (a directory), and the hash of the image that needs no copy; both may be
 * unset. */
void disk_images_directory(const char *path);
void disk_known_hash(const char *hexadecimal);
bool disk_saves_images(void);

/* Learns from the log where the disk is. To be called before outputs are diverted. */
void disk_locate(void);

/* Hashes the RAM disk of the machine; false when the machine's log tells of none. */
bool disk_hash(uint64_t hash[2]);

/* Writes the image as DIRECTORY/<hash>.img unless it is there already or its hash is the known one. */
void disk_save(const uint64_t hash[2]);

#endif
