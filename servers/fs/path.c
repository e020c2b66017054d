/* SPDX-License-Identifier: MIT */
/* Path resolution (path.h). */
#include "path.h"

#include "file.h"
#include "inode.h"
#include "state.h"

#define LINKS_FOLLOWED 40

/* A walk in progress through fs_scratch.path[buffer]. */
struct walk {
    char *path;
    uint32_t bytes;
    uint32_t position;
    uint32_t links;
    enum path_follow follow;
};

int64_t path_take_two(const struct request *request, uint32_t bytes[2])
{
    const char *message = server_message();
    uint32_t total = request->message_bytes;
    uint32_t first = 0;

    while (first < total && message[first] != 0) {
        first++;
    }
    if (first == total) {
        return -PE_INVAL;
    }
    bytes[0] = first;
    bytes[1] = total - first - 1;
    if (bytes[0] == 0 || bytes[1] == 0) {
        return -PE_NOENT;
    }
    if (bytes[0] > FS_PATH_BYTES || bytes[1] > FS_PATH_BYTES) {
        return -PE_NAMETOOLONG;
    }
    memcpy(fs_scratch.path[0], message, bytes[0]);
    memcpy(fs_scratch.path[1], message + first + 1, bytes[1]);
    for (uint32_t index = 0; index < bytes[1]; index++) {
        if (fs_scratch.path[1][index] == 0) {
            return -PE_INVAL;
        }
    }
    return 0;
}

int64_t path_take_one(const struct request *request, uint32_t *bytes)
{
    *bytes = request->message_bytes;
    if (*bytes == 0) {
        return -PE_NOENT;
    }
    if (*bytes > FS_PATH_BYTES) {
        return -PE_NAMETOOLONG;
    }
    memcpy(fs_scratch.path[0], server_message(), *bytes);
    return 0;
}

/* Put the target of the symbolic link `inode` in the place of what was walked so far. */
static int64_t expand_link(struct walk *walk, uint32_t inode)
{
    char *target = fs_scratch.path[2];
    uint32_t rest = walk->bytes - walk->position;
    int64_t length;

    if (++walk->links > LINKS_FOLLOWED) {
        return -PE_LOOP;
    }
    length = symlink_read(inode, target);
    if (length < 0) {
        return length;
    }
    if ((uint64_t)length + rest > PATH_ROOM) {
        return -PE_NAMETOOLONG;
    }
    memcpy(target + length, walk->path + walk->position, rest);
    walk->bytes = (uint32_t)length + rest;
    walk->position = 0;
    memcpy(walk->path, target, walk->bytes);
    return 0;
}

static void skip_slashes(struct walk *walk)
{
    while (walk->position < walk->bytes && walk->path[walk->position] == '/') {
        walk->position++;
    }
}

/* The next component becomes end->name. -PE_INVAL for a NUL in it. */
static int64_t next_component(struct walk *walk, struct path_end *end)
{
    uint32_t start = walk->position;

    while (walk->position < walk->bytes && walk->path[walk->position] != '/') {
        if (walk->path[walk->position] == 0) {
            return -PE_INVAL;
        }
        walk->position++;
    }
    end->name = walk->path + start;
    end->name_bytes = walk->position - start;
    end->last = PATH_NAME;
    if (end->name[0] == '.' && end->name_bytes == 1) {
        end->last = PATH_DOT;
    } else if (end->name[0] == '.' && end->name_bytes == 2 && end->name[1] == '.') {
        end->last = PATH_DOT_DOT;
    }
    end->slash = walk->position < walk->bytes;
    return 0;
}

/* Whether nothing but slashes comes behind the component just taken. */
static bool is_last(const struct walk *walk)
{
    for (uint32_t position = walk->position; position < walk->bytes; position++) {
        if (walk->path[position] != '/') {
            return false;
        }
    }
    return true;
}

/* What `name` is in `parent`: end->inode and end->place. "." needs a directory too. */
static int64_t look_up(struct path_end *end)
{
    int64_t result;

    if (end->last == PATH_DOT) {
        const struct ext2_inode *inode = inode_view(end->parent);

        end->inode = end->parent;
        return inode == NULL ? -PE_IO : inode_is_directory(inode) ? 0 : -PE_NOTDIR;
    }
    result = directory_find(end->parent, end->name, end->name_bytes, &end->place);
    end->inode = end->place.inode;
    return result;
}

/* The first directory of the walk: the root or the working directory, which must still exist. */
static int64_t start(struct walk *walk, struct path_end *end)
{
    const struct ext2_inode *inode;

    end->parent = walk->path[0] == '/' ? FS_ROOT_INODE : cwd_view();
    inode = inode_view(end->parent);
    if (inode == NULL) {
        return -PE_IO;
    }
    end->inode = end->parent;
    end->last = PATH_DOT;
    end->slash = false;
    end->name_bytes = 0;
    end->name = walk->path;
    return inode->links == 0 ? -PE_NOENT : 0;
}

static bool creates(const struct walk *walk)
{
    return walk->follow == PATH_CREATE || walk->follow == PATH_CREATE_HERE;
}

static bool follows(const struct walk *walk)
{
    return walk->follow == PATH_FOLLOW || walk->follow == PATH_CREATE;
}

/* One component. 1 when it was the last, 0 when the walk goes on, or an error. */
static int64_t step(struct walk *walk, struct path_end *end)
{
    const struct ext2_inode *inode;
    bool last;
    int64_t result = next_component(walk, end);

    last = result == 0 && is_last(walk);
    if (result == 0 && last && end->slash && end->last == PATH_NAME && creates(walk)) {
        result = -PE_ISDIR;
    }
    if (result == 0 && end->name_bytes > FS_NAME_BYTES) {
        end->inode = 0;
        return last && walk->follow == PATH_PARENT ? 1 : -PE_NAMETOOLONG;
    }
    if (result == 0) {
        result = look_up(end);
    }
    if (result < 0) {
        return result;
    }
    if (end->inode == 0) {
        return last ? 1 : -PE_NOENT;
    }
    inode = inode_view_used(end->inode);
    if (inode == NULL) {
        return -PE_IO;
    }
    if (last && walk->follow == PATH_PARENT) {
        return 1;
    }
    if (inode_type(inode) == FS_MODE_SYMLINK && (!last || follows(walk) || end->slash)) {
        result = expand_link(walk, end->inode);
        if (result == 0 && walk->path[0] == '/') {
            end->parent = FS_ROOT_INODE;
        }
        end->inode = end->parent;
        end->last = PATH_DOT;
        return result;
    }
    if ((!last || end->slash) && !inode_is_directory(inode)) {
        return -PE_NOTDIR;
    }
    if (!last) {
        end->parent = end->inode;
    }
    return last;
}

int64_t path_walk(uint32_t buffer, uint32_t bytes, enum path_follow follow, struct path_end *end)
{
    struct walk walk = {.path = fs_scratch.path[buffer], .bytes = bytes, .follow = follow};
    int64_t result = start(&walk, end);

    while (result == 0) {
        skip_slashes(&walk);
        if (walk.position == walk.bytes) {
            break; /* nothing but slashes: the directory itself */
        }
        result = step(&walk, end);
    }
    return result < 0 ? result : 0;
}

int64_t path_to_inode(const struct request *request, enum path_follow follow)
{
    struct path_end end;
    uint32_t bytes;
    int64_t result = path_take_one(request, &bytes);

    if (result == 0) {
        result = path_walk(0, bytes, follow, &end);
    }
    if (result < 0) {
        return result;
    }
    return end.inode != 0 ? (int64_t)end.inode : -PE_NOENT;
}
