/* SPDX-License-Identifier: MIT */
/*
 * From paths to inodes.
 *
 * Rule: names end up in fs_scratch.path and are used before the next walk into the same buffer. Errors are those of
 * POSIX path resolution: -PE_NOENT, -PE_NOTDIR, -PE_LOOP (40 links), -PE_NAMETOOLONG, -PE_INVAL, -PE_IO.
 */
#ifndef FS_PATH_H
#define FS_PATH_H

#include "directory.h"
#include "fs.h"

/* What the last component of a path is. */
enum path_last {
    PATH_NAME, /* a name in `parent` */
    PATH_DOT,  /* "." or the root: `inode` is the directory itself */
    PATH_DOT_DOT
};

/* Whether a symbolic link as last component is followed. */
enum path_follow {
    PATH_FOLLOW,
    PATH_FOLLOW_SLASH, /* only if a slash comes behind it; what is there must then be a directory */
    PATH_PARENT,       /* never: the name itself is meant, to be made, removed or renamed */
    PATH_CREATE,       /* as PATH_FOLLOW, but a name with a slash behind it is -PE_ISDIR: it cannot be made a file */
    PATH_CREATE_HERE   /* the same without following */
};

struct path_end {
    uint32_t parent; /* directory of the last component */
    uint32_t inode;  /* what it names, 0 if it is not there (PATH_NAME only) */
    enum path_last last;
    bool slash; /* a '/' comes behind it */
    uint32_t name_bytes; /* with PATH_PARENT perhaps more than a name may have: then inode is 0 */
    const char *name;
    struct directory_place place;
};

/* Take the request's one path, or two with a NUL between, into buffers 0 and 1. 0, or an error. */
int64_t path_take_one(const struct request *request, uint32_t *bytes);
int64_t path_take_two(const struct request *request, uint32_t bytes[2]);

/*
 * Walk the path of `bytes` bytes in buffer 0 or 1. 0 with *end, where end->inode is 0 if only the last component is
 * missing; or an error.
 */
int64_t path_walk(uint32_t buffer, uint32_t bytes, enum path_follow follow, struct path_end *end);

/* Take the request's path and walk it; the last component must be there. Its inode, or an error. */
int64_t path_to_inode(const struct request *request, enum path_follow follow);

#endif
