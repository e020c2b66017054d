/* SPDX-License-Identifier: MIT */
/*
 * ELF files of programs to be started: from the bundles by name, from the disk by path. /system/NAME is the program of that name in the
 * kernel's own bundle.
 *
 * Rule: the right to supervise services, where a program has it, goes to copies of itself and to programs of the kernel's own
 * bundle; to any other only by supervisor in struct child_options.
 */
#ifndef NEWLIB_IMAGES_H
#define NEWLIB_IMAGES_H

#include "spawn/spawn.h"

/* An image, and the mapping that holds it if it came from the disk. */
struct loaded_image {
    struct spawn_image image;
    void *file; /* NULL: it lies in a bundle */
    size_t file_bytes;
};

/*
 * Find the program `path`: without a '/' one of the bundles, then in the directories of PATH; with one, that file. 0, or -1
 * and errno.
 */
int glue_image_find(const char *path, struct loaded_image *loaded);

/* Whether a path is that of a program in the kernel's own bundle: then 1 and *image. */
int glue_system_program(const char *path, struct spawn_image *image);

static inline int glue_image_is_system(const struct loaded_image *loaded)
{
    return loaded->image.memory_slot == SLOT_SYSTEM_BUNDLE;
}

/* The file `path`, whatever its name. 0, or -1 and errno. */
int glue_image_open(const char *path, struct loaded_image *loaded);

/* Give its mapping back. */
void glue_image_drop(struct loaded_image *loaded);

#endif
