/* SPDX-License-Identifier: MIT */
/*
 * realpath: the one name of a file without links, dots and double slashes.
 *
 * Rule: `rest` is what is still to be walked, `answer` what has been found to be free of links; a link puts its target
 * before the rest.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "newlib/glue.h"

#define LINKS_MAXIMUM 40

struct walk {
    char rest[PATH_MAX];
    char answer[PATH_MAX];
    size_t length; /* of the answer; 0 is the root */
    int links;
};

static int fail(int reason)
{
    errno = reason;
    return -1;
}

/* Put the target of the link that the answer now names before the rest, and take the link off the answer. */
static int follow(struct walk *walk, size_t parent_length)
{
    char target[PATH_MAX];
    ssize_t bytes = readlink(walk->answer, target, sizeof target - 1);
    size_t rest_bytes = strlen(walk->rest);

    if (bytes < 0) {
        return -1;
    }
    if (++walk->links > LINKS_MAXIMUM) {
        return fail(ELOOP);
    }
    if ((size_t)bytes + rest_bytes + 2 > sizeof walk->rest) {
        return fail(ENAMETOOLONG);
    }
    memmove(walk->rest + bytes + 1, walk->rest, rest_bytes + 1);
    memcpy(walk->rest, target, (size_t)bytes);
    walk->rest[bytes] = '/';
    walk->length = target[0] == '/' ? 0 : parent_length;
    return 0;
}

/* One component of a path, `bytes` bytes long, which must exist. */
static int step(struct walk *walk, const char *name, size_t bytes)
{
    size_t parent_length = walk->length;
    struct stat status;

    if (bytes == 1 && name[0] == '.') {
        return 0;
    }
    if (bytes == 2 && name[0] == '.' && name[1] == '.') {
        while (walk->length > 0 && walk->answer[--walk->length] != '/') {
        }
        return 0;
    }
    if (walk->length + bytes + 2 > sizeof walk->answer) {
        return fail(ENAMETOOLONG);
    }
    walk->answer[walk->length++] = '/';
    memcpy(walk->answer + walk->length, name, bytes);
    walk->length += bytes;
    walk->answer[walk->length] = 0;
    if (lstat(walk->answer, &status) != 0) {
        return -1;
    }
    if (S_ISLNK(status.st_mode)) {
        return follow(walk, parent_length);
    }
    return walk->rest[0] && !S_ISDIR(status.st_mode) ? fail(ENOTDIR) : 0;
}

static int walk_all(struct walk *walk)
{
    while (walk->rest[0]) {
        char name[PATH_MAX];
        size_t bytes = strcspn(walk->rest, "/");

        memcpy(name, walk->rest, bytes);
        memmove(walk->rest, walk->rest + bytes, strlen(walk->rest + bytes) + 1);
        if (bytes > 0 && step(walk, name, bytes) != 0) {
            return -1;
        }
    }
    return 0;
}

char *realpath(const char *restrict path, char *restrict resolved)
{
    struct walk walk = {.length = 0};

    if (!path) {
        errno = EINVAL;
        return NULL;
    }
    if (!*path || strlen(path) >= sizeof walk.rest) {
        errno = *path ? ENAMETOOLONG : ENOENT;
        return NULL;
    }
    if (path[0] != '/') {
        if (!getcwd(walk.answer, sizeof walk.answer)) {
            return NULL;
        }
        walk.length = strcmp(walk.answer, "/") == 0 ? 0 : strlen(walk.answer);
    }
    strcpy(walk.rest, path);
    if (walk_all(&walk) != 0) {
        return NULL;
    }
    if (walk.length == 0) {
        walk.answer[walk.length++] = '/';
    }
    walk.answer[walk.length] = 0;
    if (!resolved && !(resolved = malloc(walk.length + 1))) {
        return NULL;
    }
    return strcpy(resolved, walk.answer);
}
