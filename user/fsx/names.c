/* SPDX-License-Identifier: MIT */
/* Making, opening, renaming, linking, removing. Rule: world.h; which errno is due follows POSIX and, where that leaves a choice,
 * Linux. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/fsx/world.h"

static enum node_kind kind_at(struct place place)
{
    int node = node_at(place);

    return node < 0 ? NODE_FREE : nodes[node].kind;
}

static bool is_empty(const struct node *directory)
{
    for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
        if (directory->children[name] >= 0) {
            return false;
        }
    }
    return true;
}

/* Take a name away from what it leads to. */
static void drop_name(struct place place)
{
    int node = node_at(place);

    node_put(place, -1);
    nodes[node].links--;
    node_settle(node);
}

/* Keep an opened file as a handle. */
static void keep(struct handle *handle, int fd, int node, int flags)
{
    *handle = (struct handle){
        .fd = fd,
        .node = node,
        .offset = calloc(1, sizeof *handle->offset),
        .sharers = calloc(1, sizeof *handle->sharers),
        .append = flags & O_APPEND,
        .readable = (flags & O_ACCMODE) != O_WRONLY,
        .writable = (flags & O_ACCMODE) != O_RDONLY,
    };
    *handle->sharers = 1;
    nodes[node].opened++;
}

static int random_flags(void)
{
    static const int access[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR, O_RDWR};
    int flags = access[random_below(5)];

    if ((flags & O_ACCMODE) != O_RDONLY) {
        flags |= one_in(6) ? O_APPEND : 0;
        flags |= one_in(6) ? O_TRUNC : 0;
    }
    return flags;
}

static void open_existing(void)
{
    struct handle *handle = free_handle();
    int flags = random_flags();
    char path[PATH_BYTES];
    struct place place = random_place();
    enum node_kind kind;
    int due;
    int fd;

    if (!handle || (one_in(4) ? 0 : !random_place_of(NODE_FILE, &place))) {
        return;
    }
    kind = kind_at(place);
    if (kind == NODE_SYMLINK) {
        return;
    }
    due = kind == NODE_FREE ? ENOENT
          : kind == NODE_DIRECTORY && ((flags & O_ACCMODE) != O_RDONLY) ? EISDIR
                                                                        : 0;
    path_of(place, path);
    say("open %s flags %x", path, (unsigned)flags);
    fd = open(path, flags);
    if (!expect(fd, due) || fd < 0) {
        return;
    }
    if (kind == NODE_DIRECTORY) {
        close(fd);
        return;
    }
    if (flags & O_TRUNC) {
        memset(nodes[node_at(place)].content, 0, nodes[node_at(place)].bytes);
        nodes[node_at(place)].bytes = 0;
    }
    keep(handle, fd, node_at(place), flags);
}

static void create(void)
{
    struct handle *handle = free_handle();
    int flags = random_flags() | O_CREAT | O_EXCL;
    struct place place = random_place();
    char path[PATH_BYTES];
    int node;
    int fd;

    if (!handle || (node = node_new(NODE_FILE)) < 0) {
        return;
    }
    nodes[node].mode = 0600 | (unsigned)random_below(0100);
    path_of(place, path);
    say("create %s as node %d, mode %o", path, node, nodes[node].mode);
    fd = open(path, flags, nodes[node].mode);
    if (!expect(fd, node_at(place) >= 0 ? EEXIST : 0) || fd < 0) {
        node_settle(node);
        return;
    }
    nodes[node].links = 1;
    node_put(place, node);
    keep(handle, fd, node, flags);
}

static void close_handle(struct handle *handle)
{
    int node = handle->node;

    say("close node %d", node);
    expect(close(handle->fd), 0);
    handle->fd = -1;
    if (--*handle->sharers == 0) {
        free(handle->offset);
        free(handle->sharers);
    }
    nodes[node].opened--;
    node_settle(node);
}

static void close_some(void)
{
    struct handle *handle = random_handle();

    if (handle) {
        close_handle(handle);
    }
}

void close_all(void)
{
    for (unsigned index = 0; index < HANDLES; index++) {
        if (handles[index].fd >= 0) {
            close_handle(&handles[index]);
        }
    }
}

static void make_directory(void)
{
    struct place place = random_place();
    char path[PATH_BYTES];
    int node;

    if (nodes[place.directory].depth >= DEPTH_MAXIMUM || (node = node_new(NODE_DIRECTORY)) < 0) {
        return;
    }
    nodes[node].mode = 0755;
    path_of(place, path);
    say("mkdir %s as node %d", path, node);
    if (expect(mkdir(path, 0755), node_at(place) >= 0 ? EEXIST : 0) && node_at(place) < 0) {
        nodes[node].links = 1;
        node_put(place, node);
    }
    node_settle(node);
}

static void remove_directory(void)
{
    struct place place = random_place();
    char path[PATH_BYTES];
    int due = 0;

    if (one_in(2) && !random_place_of(NODE_DIRECTORY, &place)) {
        return;
    }
    switch (kind_at(place)) {
    case NODE_FREE:
        due = ENOENT;
        break;
    case NODE_DIRECTORY:
        due = is_empty(&nodes[node_at(place)]) ? 0 : ENOTEMPTY;
        break;
    default:
        due = ENOTDIR;
        break;
    }
    path_of(place, path);
    say("rmdir %s", path);
    if (expect(rmdir(path), due) && due == 0) {
        drop_name(place);
    }
}

static void unlink_some(void)
{
    struct place place = random_place();
    char path[PATH_BYTES];
    enum node_kind kind = kind_at(place);
    int due = kind == NODE_FREE ? ENOENT : kind == NODE_DIRECTORY ? EISDIR : 0;

    path_of(place, path);
    say("unlink %s (node %d)", path, node_at(place));
    if (expect(unlink(path), due) && due == 0) {
        drop_name(place);
    }
}

/* The errno due for renaming `from` to `to`. */
static int rename_due(struct place from, struct place to)
{
    int moved = node_at(from);
    int replaced = node_at(to);

    if (moved < 0) {
        return ENOENT;
    }
    if (nodes[moved].kind == NODE_DIRECTORY && is_above(moved, to.directory)) {
        return EINVAL;
    }
    if (replaced < 0 || replaced == moved) {
        return 0;
    }
    if (nodes[replaced].kind == NODE_DIRECTORY && is_above(replaced, from.directory)) {
        return ENOTEMPTY;
    }
    if (nodes[moved].kind == NODE_DIRECTORY) {
        return nodes[replaced].kind != NODE_DIRECTORY ? ENOTDIR : is_empty(&nodes[replaced]) ? 0 : ENOTEMPTY;
    }
    return nodes[replaced].kind == NODE_DIRECTORY ? EISDIR : 0;
}

/* Levels of directories below this one. */
static unsigned height(int directory)
{
    unsigned most = 0;

    for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
        int child = nodes[directory].children[name];

        if (child >= 0 && nodes[child].kind == NODE_DIRECTORY && height(child) + 1 > most) {
            most = height(child) + 1;
        }
    }
    return most;
}

static void update_depths(int directory)
{
    for (unsigned name = 0; name < NAMES_PER_DIRECTORY; name++) {
        int child = nodes[directory].children[name];

        if (child >= 0 && nodes[child].kind == NODE_DIRECTORY) {
            nodes[child].depth = nodes[directory].depth + 1;
            update_depths(child);
        }
    }
}

static void rename_some(void)
{
    struct place from = random_place();
    struct place to = random_place();
    char from_path[PATH_BYTES];
    char to_path[PATH_BYTES];
    int moved = node_at(from);
    int due = rename_due(from, to);

    if (moved >= 0 && nodes[moved].kind == NODE_DIRECTORY &&
        nodes[to.directory].depth + 1 + height(moved) > DEPTH_MAXIMUM) {
        return;
    }
    path_of(from, from_path);
    path_of(to, to_path);
    say("rename %s (node %d) to %s (node %d)", from_path, moved, to_path, node_at(to));
    if (!expect(rename(from_path, to_path), due) || due != 0 || node_at(to) == moved) {
        return;
    }
    if (node_at(to) >= 0) {
        drop_name(to);
    }
    node_put(from, -1);
    node_put(to, moved);
    if (nodes[moved].kind == NODE_DIRECTORY) {
        update_depths(moved);
    }
}

static void link_some(void)
{
    struct place from = random_place();
    struct place to = random_place();
    char from_path[PATH_BYTES];
    char to_path[PATH_BYTES];
    int due = node_at(from) < 0                      ? ENOENT
              : node_at(to) >= 0                     ? EEXIST
              : kind_at(from) == NODE_DIRECTORY      ? EPERM
                                                     : 0;

    path_of(from, from_path);
    path_of(to, to_path);
    say("link %s (node %d) to %s", from_path, node_at(from), to_path);
    if (expect(link(from_path, to_path), due) && due == 0) {
        node_put(to, node_at(from));
        nodes[node_at(from)].links++;
    }
}

/* A symbolic link to some place, or with a text of some length that leads nowhere. */
static void symlink_some(void)
{
    struct place place = random_place();
    char path[PATH_BYTES];
    int node = node_new(NODE_SYMLINK);
    size_t length;

    if (node < 0) {
        return;
    }
    length = 1 + (size_t)random_below(TARGET_BYTES - 2);
    memset(nodes[node].target, 't', length);
    path_of(place, path);
    say("symlink of %zu bytes at %s", length, path);
    if (expect(symlink(nodes[node].target, path), node_at(place) >= 0 ? EEXIST : 0) && node_at(place) < 0) {
        nodes[node].links = 1;
        node_put(place, node);
    }
    node_settle(node);
}

void name_action(unsigned number)
{
    static void (*const actions[NAME_ACTIONS])(void) = {open_existing,    create,      close_some,
                                                        make_directory,   remove_directory, unlink_some,
                                                        rename_some,      link_some,   symlink_some};

    actions[number]();
}
