/* SPDX-License-Identifier: MIT */
/*
 * What a child gets of the descriptors of its parent.
 *
 * Rule: two descriptors that are one open file description in the parent are one in the child, and a file's offset is
 * shared by the two of them (by a shared offset of the process service), but for files that are only appended to, which have none, and
 * directories. Descriptors that close on exec stay behind.
 */
#ifndef NEWLIB_INHERIT_H
#define NEWLIB_INHERIT_H

#include <stdint.h>

#include "newlib/glue.h"
#include "spawn/startup.h"

#define CHILD_PATHS 16

/* The descriptors of a child, as file actions change them: at first those of this program. */
struct child_files {
    struct descriptor table[GLUE_DESCRIPTORS];
    struct open_file opened[CHILD_PATHS]; /* OPEN_PATH: `handle` is the place of its path */
    const char *paths[CHILD_PATHS];
    uint32_t path_count;
};

void glue_files_begin(struct child_files *files);
/* File actions: 0, or an errno. A path is kept by reference. */
int glue_files_open(struct child_files *files, int fd, const char *path, int flags);
int glue_files_dup2(struct child_files *files, int source, int fd);
int glue_files_close(struct child_files *files, int fd);

/* As a child's start-up block has it, and what the process service must know. */
struct inheritance {
    struct startup_stream streams[GLUE_DESCRIPTORS];
    uint32_t count;
    uint64_t reads;
    uint64_t writes;
    uint64_t offsets;
};

/*
 * What a child with these files inherits; after an exec (`held`) it is this program itself, and offsets stay its own. 0 or -1
 * and errno.
 */
int glue_inherit(const struct child_files *files, int held, struct inheritance *inheritance);

/* In the child: make the descriptors. 0 or -1 and errno. */
int glue_adopt(const struct startup_stream *streams, uint64_t count);

/* In a child that is a copy of its parent (fork): take the files over into its own session of the file system. */
int glue_adopt_copies(const struct startup_stream *streams, uint64_t count);

#endif
