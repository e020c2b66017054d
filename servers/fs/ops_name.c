/* SPDX-License-Identifier: MIT */
/* Making and removing names (ops.h). */
#include "device.h"
#include "directory.h"
#include "file.h"
#include "inode.h"
#include "ops.h"
#include "state.h"
#include "transaction.h"

int64_t drop_link(uint32_t number)
{
    struct ext2_inode *inode = inode_edit(number);

    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (inode->links == 0) {
        return -PE_IO;
    }
    inode->links--;
    inode->ctime = clock_seconds();
    return inode->links == 0 && open_count(number) == 0 ? inode_release(number) : 0;
}

/* A directory without entries loses its name: no links, and gone if nobody has it open. */
int64_t drop_directory(uint32_t parent, uint32_t number)
{
    struct ext2_inode *inode = inode_edit(number);
    struct ext2_inode *above;

    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    inode->links = 0;
    inode->ctime = clock_seconds();
    above = inode_edit(parent);
    if (above == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (above->links > 2) {
        above->links--;
    }
    return open_count(number) == 0 ? inode_release(number) : 0;
}

/* Whether a name may be made where `end` ended. 0 or an error. */
static int64_t check_new_name(const struct path_end *end)
{
    const struct ext2_inode *parent = inode_view(end->parent);

    if (end->inode != 0 || end->name_bytes > FS_NAME_BYTES) {
        return end->inode != 0 ? -PE_EXIST : -PE_NAMETOOLONG;
    }
    if (parent == NULL) {
        return -PE_IO;
    }
    if (parent->links == 0) {
        return -PE_NOENT;
    }
    return fs.volume.read_only ? -PE_ROFS : 0;
}

int64_t make_at(const struct path_end *end, uint32_t mode)
{
    int64_t result = check_new_name(end);
    int64_t number;

    if (result < 0) {
        return result;
    }
    number = inode_make(end->parent, mode);
    if (number < 0) {
        return number;
    }
    result = directory_add(end->parent, end->name, end->name_bytes, (uint32_t)number, mode, &end->place);
    return result < 0 ? result : number;
}

int64_t op_mkdir(struct request *request)
{
    struct path_end end;
    uint32_t bytes;
    int64_t number;
    struct ext2_inode *inode;
    int64_t result = path_take_one(request, &bytes);

    if (result == 0) {
        result = path_walk(0, bytes, PATH_PARENT, &end);
    }
    if (result < 0) {
        return result;
    }
    inode = inode_edit(end.parent);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (end.inode == 0 && inode->links >= EXT2_LINKS_MAXIMUM) {
        return -PE_MLINK;
    }
    number = make_at(&end, FS_MODE_DIRECTORY | (request->words[0] & 07777));
    if (number < 0) {
        return number;
    }
    result = directory_start((uint32_t)number, end.parent);
    if (result < 0) {
        return result;
    }
    inode = inode_edit((uint32_t)number);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    inode->links = 2;
    inode = inode_edit(end.parent);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    inode->links++;
    return 0;
}

int64_t op_link(struct request *request)
{
    struct path_end old;
    struct path_end new;
    uint32_t bytes[2];
    struct ext2_inode *inode;
    int64_t result = path_take_two(request, bytes);

    if (result == 0) {
        result = path_walk(0, bytes[0], PATH_FOLLOW_SLASH, &old);
    }
    if (result == 0) {
        result = old.inode == 0 ? -PE_NOENT : path_walk(1, bytes[1], PATH_PARENT, &new);
    }
    if (result == 0) {
        result = check_new_name(&new);
    }
    if (result < 0) {
        return result;
    }
    inode = inode_edit(old.inode);
    if (inode == NULL) {
        return -(int64_t)fs.transaction.failure;
    }
    if (new.slash) {
        return -PE_NOENT;
    }
    if (inode_is_directory(inode)) {
        return -PE_PERM;
    }
    if (inode->links >= EXT2_LINKS_MAXIMUM) {
        return -PE_MLINK;
    }
    inode->links++;
    inode->ctime = clock_seconds();
    return directory_add(new.parent, new.name, new.name_bytes, old.inode, inode->mode, &new.place);
}

int64_t op_symlink(struct request *request)
{
    struct path_end end;
    uint32_t bytes[2];
    int64_t number;
    int64_t result = path_take_two(request, bytes);

    if (result == 0) {
        result = path_walk(1, bytes[1], PATH_PARENT, &end);
    }
    if (result < 0) {
        return result;
    }
    if (end.inode == 0 && end.slash && end.name_bytes <= FS_NAME_BYTES) {
        return -PE_NOENT;
    }
    number = make_at(&end, FS_MODE_SYMLINK | 0777);
    return number < 0 ? number : symlink_write((uint32_t)number, fs_scratch.path[0], bytes[0]);
}

/* Take the path and walk to a name that is there. */
static int64_t walk_to_existing(struct request *request, struct path_end *end)
{
    uint32_t bytes;
    int64_t result = path_take_one(request, &bytes);

    if (result == 0) {
        result = path_walk(0, bytes, PATH_PARENT, end);
    }
    if (result == 0 && end->inode == 0) {
        result = end->name_bytes > FS_NAME_BYTES ? -PE_NAMETOOLONG : -PE_NOENT;
    }
    return result;
}

int64_t op_unlink(struct request *request)
{
    struct path_end end;
    const struct ext2_inode *inode;
    int64_t result = walk_to_existing(request, &end);

    if (result < 0) {
        return result;
    }
    inode = inode_view(end.inode);
    if (inode == NULL || inode_is_directory(inode) || end.last != PATH_NAME) { /* a damaged root is none */
        return inode == NULL ? -PE_IO : -PE_ISDIR;
    }
    if (end.slash) {
        return -PE_NOTDIR;
    }
    result = directory_remove(end.parent, &end.place);
    return result < 0 ? result : drop_link(end.inode);
}

int64_t op_rmdir(struct request *request)
{
    struct path_end end;
    const struct ext2_inode *inode;
    int64_t result = walk_to_existing(request, &end);

    if (result < 0) {
        return result;
    }
    if (end.last != PATH_NAME) {
        return end.name_bytes == 0 ? -PE_BUSY : end.last == PATH_DOT ? -PE_INVAL : -PE_NOTEMPTY;
    }
    inode = inode_view(end.inode);
    if (inode == NULL || !inode_is_directory(inode)) {
        return inode == NULL ? -PE_IO : -PE_NOTDIR;
    }
    result = directory_is_empty(end.inode);
    if (result <= 0) {
        return result < 0 ? result : -PE_NOTEMPTY;
    }
    result = directory_remove(end.parent, &end.place);
    return result < 0 ? result : drop_directory(end.parent, end.inode);
}
