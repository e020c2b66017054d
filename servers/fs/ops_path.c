/* SPDX-License-Identifier: MIT */
/* What a path or a handle names: describing it, its permissions, owner and times; working directory (ops.h). */
#include "device.h"
#include "directory.h"
#include "file.h"
#include "inode.h"
#include "ops.h"
#include "state.h"
#include "transaction.h"
#include "volume.h"

static enum path_follow follow_unless(uint64_t no_follow)
{
    return no_follow ? PATH_FOLLOW_SLASH : PATH_FOLLOW;
}

int64_t op_stat(struct request *request)
{
    int64_t number = path_to_inode(request, follow_unless(request->words[0]));

    if (number < 0) {
        return number;
    }
    request->reply_bytes = sizeof(struct fs_stat);
    return inode_describe((uint32_t)number, server_message());
}

int64_t op_access(struct request *request)
{
    uint64_t mode = request->words[0];
    int64_t number = path_to_inode(request, PATH_FOLLOW);
    const struct ext2_inode *inode;

    if (mode & ~(uint64_t)(FS_ACCESS_EXECUTE | FS_ACCESS_WRITE | FS_ACCESS_READ)) {
        return -PE_INVAL;
    }
    if (number < 0) {
        return number;
    }
    inode = inode_view((uint32_t)number);
    if (inode == NULL) {
        return -PE_IO;
    }
    if (mode & FS_ACCESS_WRITE && fs.volume.read_only) {
        return -PE_ROFS;
    }
    /* Every client may do what the superuser may: all but executing a file that nobody may execute. */
    if (mode & FS_ACCESS_EXECUTE && !inode_is_directory(inode) && (inode->mode & 0111) == 0) {
        return -PE_ACCES;
    }
    return 0;
}

int64_t op_readlink(struct request *request)
{
    int64_t number = path_to_inode(request, PATH_FOLLOW_SLASH);
    const struct ext2_inode *inode;
    int64_t length;

    if (number < 0) {
        return number;
    }
    inode = inode_view((uint32_t)number);
    if (inode == NULL || inode_type(inode) != FS_MODE_SYMLINK) {
        return inode == NULL ? -PE_IO : -PE_INVAL;
    }
    length = symlink_read((uint32_t)number, server_message());
    request->reply_bytes = length > 0 ? (uint32_t)length : 0;
    return length;
}

/* The inode to be changed, its ctime set; NULL: *result says why. */
static struct ext2_inode *edit_attributes(int64_t number, int64_t *result)
{
    struct ext2_inode *inode = number < 0 ? NULL : inode_edit((uint32_t)number);

    *result = number < 0 ? number : 0;
    if (inode == NULL) {
        *result = number < 0 ? number : -(int64_t)fs.transaction.failure;
        return NULL;
    }
    inode->ctime = clock_seconds();
    return inode;
}

/* The inode of the handle in word 0, or an error. */
static int64_t handle_inode(const struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);

    return handle != NULL ? (int64_t)handle->inode : error;
}

static int64_t set_mode(int64_t number, uint64_t mode)
{
    int64_t result;
    struct ext2_inode *inode = edit_attributes(number, &result);

    if (inode != NULL) {
        inode->mode = (uint16_t)((inode->mode & FS_MODE_TYPE_MASK) | (mode & 07777));
    }
    return result;
}

int64_t op_chmod(struct request *request)
{
    return set_mode(path_to_inode(request, PATH_FOLLOW), request->words[0]);
}

int64_t op_fchmod(struct request *request)
{
    return set_mode(handle_inode(request), request->words[1]);
}

/* All ones, in 32 bits, keep what is there. */
static int64_t set_owner(int64_t number, uint64_t uid, uint64_t gid)
{
    int64_t result;
    struct ext2_inode *inode = edit_attributes(number, &result);

    if (inode != NULL && (uint32_t)uid != UINT32_MAX) {
        inode->uid_low = (uint16_t)uid;
        inode->uid_high = (uint16_t)(uid >> 16);
    }
    if (inode != NULL && (uint32_t)gid != UINT32_MAX) {
        inode->gid_low = (uint16_t)gid;
        inode->gid_high = (uint16_t)(gid >> 16);
    }
    return result;
}

int64_t op_chown(struct request *request)
{
    return set_owner(path_to_inode(request, follow_unless(request->words[2])), request->words[0], request->words[1]);
}

int64_t op_fchown(struct request *request)
{
    return set_owner(handle_inode(request), request->words[1], request->words[2]);
}

int64_t op_utime(struct request *request)
{
    int64_t result;
    struct ext2_inode *inode = edit_attributes(path_to_inode(request, follow_unless(request->words[2])), &result);

    if (inode != NULL) {
        inode->atime = (uint32_t)request->words[0];
        inode->mtime = (uint32_t)request->words[1];
    }
    return result;
}

int64_t change_cwd(uint32_t number, uint32_t generation)
{
    uint32_t before = cwd_view();
    const struct ext2_inode *inode;
    int64_t result;

    /* Leaving a directory that was removed meanwhile is its last close. */
    if (before != number && open_count(before) == 1) {
        inode = inode_view(before);
        result = inode != NULL && inode->links == 0 ? inode_release(before) : 0;
        if (transaction_comes_again(result)) {
            return result;
        }
        if (result < 0) {
            transaction_abort(); /* its blocks are for e2fsck */
        }
    }
    session_change_directory(number, generation);
    return 0;
}

int64_t op_chdir(struct request *request)
{
    int64_t number = path_to_inode(request, PATH_FOLLOW);
    const struct ext2_inode *inode;

    if (number < 0) {
        return number;
    }
    inode = inode_view((uint32_t)number);
    if (inode == NULL || !inode_is_directory(inode)) {
        return inode == NULL ? -PE_IO : -PE_NOTDIR;
    }
    return change_cwd((uint32_t)number, inode->generation);
}

/* Put "/name" of `child` in `parent` before `*start` in the buffer. */
static int64_t prepend_name(uint32_t parent, uint32_t child, char *buffer, uint32_t *start)
{
    char *name = fs_scratch.path[0];
    int64_t length = directory_name_of(parent, child, name);

    if (length < 0) {
        return length;
    }
    if ((uint32_t)length + 1 > *start) {
        return -PE_NAMETOOLONG;
    }
    *start -= (uint32_t)length + 1;
    buffer[*start] = '/';
    memcpy(buffer + *start + 1, name, (size_t)length);
    return 0;
}

int64_t op_getcwd(struct request *request)
{
    char *buffer = fs_scratch.path[1];
    uint32_t start = FS_PATH_BYTES;
    uint32_t number = cwd_view();
    const struct ext2_inode *inode = inode_view(number);

    if (inode == NULL || inode->links == 0) {
        return inode == NULL ? -PE_IO : -PE_NOENT;
    }
    while (number != FS_ROOT_INODE) {
        struct directory_place place;
        int64_t result = directory_find(number, "..", 2, &place);

        if (result == 0 && place.inode == 0) {
            result = -PE_IO;
        }
        if (result == 0) {
            result = prepend_name(place.inode, number, buffer, &start);
        }
        if (result < 0) {
            return result;
        }
        number = place.inode;
    }
    if (start == FS_PATH_BYTES) {
        buffer[--start] = '/';
    }
    request->reply_bytes = FS_PATH_BYTES - start;
    memcpy(server_message(), buffer + start, request->reply_bytes);
    return request->reply_bytes;
}

int64_t op_statfs(struct request *request)
{
    struct fs_statfs *statfs = server_message();
    uint32_t reserve = fs.volume.reserve_blocks;

    statfs->block_bytes = fs.volume.block_bytes;
    statfs->blocks = fs.volume.blocks;
    statfs->blocks_free = fs.free_blocks;
    statfs->blocks_available = fs.free_blocks > reserve ? fs.free_blocks - reserve : 0;
    statfs->inodes = fs.volume.inodes;
    statfs->inodes_free = fs.free_inodes;
    statfs->name_bytes_maximum = FS_NAME_BYTES;
    statfs->flags = fs.volume.read_only;
    request->reply_bytes = sizeof(*statfs);
    return 0;
}
