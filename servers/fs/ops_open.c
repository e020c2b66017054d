/* SPDX-License-Identifier: MIT */
/* Opening, closing, positions, reading directories (ops.h). */
#include "directory.h"
#include "file.h"
#include "inode.h"
#include "ops.h"
#include "state.h"
#include "transaction.h"

#define OPEN_FLAGS_KEPT (FS_O_ACCESS_MASK | FS_O_APPEND | FS_O_SYNC)

const struct fs_handle *request_handle(const struct request *request, const struct ext2_inode **inode, int64_t *error)
{
    const struct fs_handle *handle = handle_view(request->words[0]);

    if (handle == NULL) {
        *error = -PE_BADF;
        return NULL;
    }
    *inode = inode_view(handle->inode);
    if (*inode == NULL || (*inode)->generation != handle->inode_generation) {
        *error = -PE_IO;
        return NULL;
    }
    return handle;
}

static bool may_write(uint64_t flags)
{
    return (flags & FS_O_ACCESS_MASK) != FS_O_READ_ONLY;
}

/* Whether an existing inode may be opened with these flags. 0 or an error. */
static int64_t check_existing(const struct ext2_inode *inode, uint64_t flags)
{
    uint32_t type = inode_type(inode);

    if (type == FS_MODE_SYMLINK) {
        return flags & FS_O_DIRECTORY ? -PE_NOTDIR : -PE_LOOP;
    }
    if (type == FS_MODE_DIRECTORY) {
        return may_write(flags) || flags & (FS_O_TRUNCATE | FS_O_CREATE) ? -PE_ISDIR : 0;
    }
    if (flags & FS_O_DIRECTORY) {
        return -PE_NOTDIR;
    }
    if (type != FS_MODE_REGULAR) {
        return -PE_NXIO;
    }
    return fs.volume.read_only && (may_write(flags) || flags & FS_O_TRUNCATE) ? -PE_ROFS : 0;
}

static enum path_follow how_to_walk(uint64_t flags)
{
    bool here = flags & FS_O_NO_FOLLOW || (flags & FS_O_CREATE && flags & FS_O_EXCLUSIVE);

    if (flags & FS_O_CREATE) {
        return here ? PATH_CREATE_HERE : PATH_CREATE;
    }
    return here ? PATH_FOLLOW_SLASH : PATH_FOLLOW;
}

/* The inode to open, made or truncated as the flags say. */
static int64_t resolve(struct request *request, uint64_t flags)
{
    bool exclusive = (flags & (FS_O_CREATE | FS_O_EXCLUSIVE)) == (FS_O_CREATE | FS_O_EXCLUSIVE);
    const struct ext2_inode *inode;
    struct path_end end;
    uint32_t bytes;
    int64_t result = path_take_one(request, &bytes);

    if (result == 0) {
        result = path_walk(0, bytes, how_to_walk(flags), &end);
    }
    if (result < 0) {
        return result;
    }
    if (end.inode == 0) {
        if (!(flags & FS_O_CREATE)) {
            return -PE_NOENT;
        }
        return make_at(&end, FS_MODE_REGULAR | (request->words[1] & 07777));
    }
    if (exclusive) {
        return -PE_EXIST;
    }
    inode = inode_view(end.inode);
    result = inode == NULL ? -PE_IO : check_existing(inode, flags);
    if (result == 0 && flags & FS_O_TRUNCATE && inode_size(inode) != 0) {
        result = file_truncate(end.inode, 0);
    }
    return result < 0 ? result : end.inode;
}

int64_t op_open(struct request *request)
{
    uint64_t flags = request->words[0];
    const struct ext2_inode *inode;
    int64_t handle;
    int64_t number;

    if ((flags & FS_O_ACCESS_MASK) == FS_O_ACCESS_MASK) {
        return -PE_INVAL;
    }
    handle = handle_find_free();
    if (handle < 0) {
        return handle;
    }
    number = resolve(request, flags);
    if (number < 0) {
        return number;
    }
    inode = inode_view((uint32_t)number);
    if (inode == NULL) {
        return -PE_IO;
    }
    request->reply[1] = (uint64_t)number;
    request->reply[2] = inode->mode;
    request->reply[3] = inode_size(inode);
    session_open((uint32_t)handle, (uint32_t)number, inode->generation, (uint32_t)flags & OPEN_FLAGS_KEPT, 0);
    return handle;
}

int64_t op_describe(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);

    if (handle == NULL) {
        return error;
    }
    request->reply[1] = handle->inode_generation;
    request->reply[2] = handle->offset;
    request->reply[3] = inode->mode;
    return handle->inode;
}

int64_t op_adopt(struct request *request)
{
    uint64_t number = request->words[0], flags = request->words[2];
    const struct ext2_inode *inode;
    int64_t handle;
    int64_t result;

    if ((flags & FS_O_ACCESS_MASK) == FS_O_ACCESS_MASK || (int64_t)request->words[3] < 0) {
        return -PE_INVAL;
    }
    if (number == 0 || number > fs.volume.inodes || open_count((uint32_t)number) == 0) {
        return -PE_STALE;
    }
    handle = handle_find_free();
    if (handle < 0) {
        return handle;
    }
    inode = inode_view((uint32_t)number);
    if (inode == NULL) {
        return -PE_IO;
    }
    if (inode->generation != request->words[1]) {
        return -PE_STALE;
    }
    result = check_existing(inode, flags & OPEN_FLAGS_KEPT);
    if (result < 0) {
        return result;
    }
    session_open((uint32_t)handle, (uint32_t)number, inode->generation, (uint32_t)flags & OPEN_FLAGS_KEPT,
                 request->words[3]);
    return handle;
}

int64_t op_close(struct request *request)
{
    const struct fs_handle *handle = handle_view(request->words[0]);
    const struct ext2_inode *inode;
    uint32_t number;
    int64_t result;

    if (handle == NULL) {
        return -PE_BADF;
    }
    number = handle->inode;
    if (open_count(number) == 1) {
        inode = inode_view(number);
        if (inode != NULL && inode->links == 0 && inode->generation == handle->inode_generation) {
            result = inode_release(number);
            if (transaction_comes_again(result)) {
                return result;
            }
            if (result < 0) {
                transaction_abort(); /* the handle is closed all the same; the blocks are for e2fsck */
            }
        }
    }
    session_close((uint32_t)request->words[0]);
    return 0;
}

int64_t op_seek(struct request *request)
{
    int64_t offset = (int64_t)request->words[1];
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);
    uint64_t base;

    if (handle == NULL) {
        return error;
    }
    switch (request->words[2]) {
    case FS_SEEK_SET:
        base = 0;
        break;
    case FS_SEEK_CURRENT:
        base = handle->offset;
        break;
    case FS_SEEK_END:
        base = inode_size(inode);
        break;
    default:
        return -PE_INVAL;
    }
    if (__builtin_add_overflow((int64_t)base, offset, &offset)) {
        return -PE_OVERFLOW;
    }
    if (offset < 0) {
        return -PE_INVAL;
    }
    if ((uint64_t)offset != handle->offset) {
        session_move((uint32_t)request->words[0], (uint64_t)offset);
    }
    return offset;
}

int64_t op_readdir(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);
    uint64_t offset;
    uint32_t bytes;
    int64_t count;

    if (handle == NULL) {
        return error;
    }
    offset = handle->offset;
    if (offset > INT32_MAX) {
        return 0;
    }
    count = directory_read(handle->inode, &offset, server_message(), 4096, &bytes);
    if (count < 0) {
        return count;
    }
    if (offset != handle->offset) {
        session_move((uint32_t)request->words[0], offset);
    }
    request->reply_bytes = bytes;
    return count;
}

int64_t op_fstat(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);

    if (handle == NULL) {
        return error;
    }
    request->reply_bytes = sizeof(struct fs_stat);
    return inode_describe(handle->inode, server_message());
}

int64_t op_fchdir(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);

    if (handle == NULL) {
        return error;
    }
    if (!inode_is_directory(inode)) {
        return -PE_NOTDIR;
    }
    return change_cwd(handle->inode, inode->generation);
}
