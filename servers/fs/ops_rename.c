/* SPDX-License-Identifier: MIT */
/* Renaming (ops.h): one transaction, whatever it replaces and wherever it goes. */
#include "device.h"
#include "directory.h"
#include "inode.h"
#include "ops.h"
#include "state.h"
#include "transaction.h"

/* How deep a tree can be without being a loop: more directories than inodes is one. */
static int64_t is_inside(uint32_t directory, uint32_t ancestor)
{
    for (uint32_t depth = 0; depth <= fs.volume.inodes; depth++) {
        struct directory_place place;
        int64_t result;

        if (directory == ancestor) {
            return 1;
        }
        if (directory == FS_ROOT_INODE) {
            return 0;
        }
        result = directory_find(directory, "..", 2, &place);
        if (result < 0 || place.inode == 0) {
            return -PE_IO;
        }
        directory = place.inode;
    }
    return -PE_IO;
}

/* Whether the target is a directory somewhere above the old name. 1, 0 or -PE_IO. */
static int64_t target_holds(uint32_t old_parent, uint32_t target)
{
    const struct ext2_inode *inode = target == 0 ? NULL : inode_view(target);

    if (target != 0 && inode == NULL) {
        return -PE_IO;
    }
    return inode != NULL && inode_is_directory(inode) ? is_inside(old_parent, target) : 0;
}

/* Whether what is at the new name may be replaced by something of the old one's kind. */
static int64_t check_target(bool old_is_directory, uint32_t target)
{
    const struct ext2_inode *inode = inode_view(target);
    int64_t empty;

    if (inode == NULL) {
        return -PE_IO;
    }
    if (!inode_is_directory(inode)) {
        return old_is_directory ? -PE_NOTDIR : 0;
    }
    if (!old_is_directory) {
        return -PE_ISDIR;
    }
    empty = directory_is_empty(target);
    return empty < 0 ? empty : empty ? 0 : -PE_NOTEMPTY;
}

/* All that can refuse a rename. 1 if there is nothing to do, 0 if it may go on, or an error. */
static int64_t check(const struct path_end *old, const struct path_end *new, bool is_directory)
{
    const struct ext2_inode *parent = inode_view(new->parent);
    int64_t inside;

    if (!is_directory && (old->slash || new->slash)) {
        return -PE_NOTDIR;
    }
    if (parent == NULL || parent->links == 0) {
        return parent == NULL ? -PE_IO : -PE_NOENT;
    }
    if (old->parent != new->parent) {
        bool full = new->inode == 0 && parent->links >= EXT2_LINKS_MAXIMUM;

        inside = is_directory ? is_inside(new->parent, old->inode) : 0;
        if (inside != 0) {
            return inside < 0 ? inside : -PE_INVAL;
        }
        inside = target_holds(old->parent, new->inode);
        if (inside != 0) {
            return inside < 0 ? inside : -PE_NOTEMPTY;
        }
        if (is_directory && full) {
            return -PE_MLINK;
        }
    }
    if (old->inode == new->inode) {
        return 1;
    }
    return new->inode != 0 ? check_target(is_directory, new->inode) : 0;
}

/* ".." of a directory that moves, and the link counts of its parents. */
static int64_t change_parent(uint32_t directory, uint32_t from, uint32_t to)
{
    struct directory_place place;
    struct ext2_inode *inode;
    struct ext2_entry *entry;
    int64_t result = directory_find(directory, "..", 2, &place);

    if (result < 0 || place.inode == 0) {
        return -PE_IO;
    }
    entry = block_edit(place.block, place.offset, sizeof(*entry), BLOCK_METADATA);
    if (entry == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    entry->inode = to;
    inode = inode_edit(from);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (inode->links > 2) {
        inode->links--;
    }
    inode = inode_edit(to);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    inode->links++;
    return 0;
}

/* The new name gets the old inode: over the entry that is there, or as a new entry. */
static int64_t enter(const struct path_end *old, struct path_end *new, uint32_t mode)
{
    int64_t result;

    if (new->inode != 0) {
        result = directory_replace(new->parent, &new->place, old->inode, mode);
        return result < 0 ? result : directory_remove(old->parent, &old->place);
    }
    result = directory_remove(old->parent, &old->place);
    if (result == 0) {
        result = directory_find(new->parent, new->name, new->name_bytes, &new->place); /* gaps may have moved */
    }
    return result < 0 ? result
                      : directory_add(new->parent, new->name, new->name_bytes, old->inode, mode, &new->place);
}

static int64_t drop_target(const struct path_end *new, bool is_directory)
{
    return is_directory ? drop_directory(new->parent, new->inode) : drop_link(new->inode);
}

int64_t op_rename(struct request *request)
{
    struct path_end old;
    struct path_end new;
    uint32_t bytes[2];
    struct ext2_inode *inode;
    uint32_t mode;
    bool is_directory;
    int64_t result = path_take_two(request, bytes);

    if (result == 0) {
        result = path_walk(0, bytes[0], PATH_PARENT, &old);
    }
    if (result == 0) {
        result = path_walk(1, bytes[1], PATH_PARENT, &new);
    }
    if (result < 0) {
        return result;
    }
    if (old.last != PATH_NAME || new.last != PATH_NAME) {
        return -PE_BUSY;
    }
    if (old.name_bytes > FS_NAME_BYTES || (old.inode != 0 && new.name_bytes > FS_NAME_BYTES)) {
        return -PE_NAMETOOLONG;
    }
    inode = old.inode == 0 ? NULL : inode_edit(old.inode);
    if (inode == NULL) {
        return old.inode == 0 ? -PE_NOENT : -PE_IO;
    }
    mode = inode->mode;
    is_directory = inode_is_directory(inode);
    result = check(&old, &new, is_directory);
    if (result != 0) {
        return result < 0 ? result : 0;
    }
    inode->ctime = clock_seconds();
    result = enter(&old, &new, mode);
    if (result == 0 && is_directory && old.parent != new.parent) {
        result = change_parent(old.inode, old.parent, new.parent);
    }
    if (result == 0 && new.inode != 0) {
        result = drop_target(&new, is_directory);
    }
    return result;
}
