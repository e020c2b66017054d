/* SPDX-License-Identifier: MIT */
/* Reading, writing, truncating, making durable (ops.h). */
#include "file.h"
#include "inode.h"
#include "ops.h"
#include "log.h"
#include "state.h"

/* Where the data of a READ or WRITE is: the lent pages, or the message page. NULL if `count` does not fit there. */
static uint8_t *data_of(const struct request *request, uint64_t count, uint32_t lent_flag)
{
    if (request->lent_pages > 0) {
        if (!(request->lent_flags & lent_flag) || count > (uint64_t)request->lent_pages * 4096) {
            return NULL;
        }
        return server_lent();
    }
    if (count > 4096 || (lent_flag == REQUEST_LENT_IN && count > request->message_bytes)) {
        return NULL;
    }
    return server_message();
}

/* Read at `offset` through the handle; *handle must be open for reading a file. */
static int64_t read_at(struct request *request, const struct fs_handle *handle, const struct ext2_inode *inode,
                       uint64_t offset)
{
    uint64_t count = request->words[1];
    uint8_t *to = data_of(request, count, REQUEST_LENT_OUT);
    int64_t done;
    int64_t result;

    if ((handle->flags & FS_O_ACCESS_MASK) == FS_O_WRITE_ONLY) {
        return -PE_BADF;
    }
    if (!inode_is_regular(inode)) {
        return inode_is_directory(inode) ? -PE_ISDIR : -PE_INVAL;
    }
    if (to == NULL || count > FS_TRANSFER_BYTES) {
        return -PE_INVAL;
    }
    done = file_read(inode, handle->inode, offset, to, (uint32_t)count);
    if (done <= 0) {
        return done;
    }
    inode = count <= fs.volume.block_bytes ? inode : inode_view(handle->inode);
    result = inode == NULL ? -PE_IO : file_accessed(inode, handle->inode);
    if (result < 0) {
        return result;
    }
    if (request->lent_pages == 0) {
        request->reply_bytes = (uint32_t)done;
    }
    return done;
}

static int64_t write_at(const struct request *request, const struct fs_handle *handle, const struct ext2_inode *inode,
                        uint64_t offset)
{
    uint64_t count = request->words[1];
    const uint8_t *from = data_of(request, count, REQUEST_LENT_IN);

    if ((handle->flags & FS_O_ACCESS_MASK) == FS_O_READ_ONLY) {
        return -PE_BADF;
    }
    if (from == NULL || count > FS_TRANSFER_BYTES) {
        return -PE_INVAL;
    }
    if (fs.volume.read_only) {
        return -PE_ROFS;
    }
    if (offset + count > inode_size(inode) && !fs.transaction.revocable) {
        return FS_TWICE; /* the file grows */
    }
    return count == 0 ? 0 : file_write(handle->inode, offset, from, (uint32_t)count);
}

int64_t op_read(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);
    int64_t done;

    if (handle == NULL) {
        return error;
    }
    done = read_at(request, handle, inode, handle->offset);
    if (done > 0) {
        session_move((uint32_t)request->words[0], handle->offset + (uint64_t)done);
    }
    return done;
}

int64_t op_pread(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);

    int64_t done;

    if (handle == NULL) {
        return error;
    }
    if ((int64_t)request->words[2] < 0) {
        return -PE_INVAL;
    }
    done = read_at(request, handle, inode, request->words[2]);
    return done == 0 && request->words[3] != 0 ? -PE_NXIO : done;
}

int64_t op_write(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);
    uint64_t offset;
    int64_t done;

    if (handle == NULL) {
        return error;
    }
    offset = handle->offset;
    if (handle->flags & FS_O_APPEND) {
        offset = inode_size(inode);
    }
    done = write_at(request, handle, inode, offset);
    if (done > 0) {
        session_move((uint32_t)request->words[0], offset + (uint64_t)done);
    }
    return done;
}

int64_t op_pwrite(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);

    if (handle == NULL) {
        return error;
    }
    return (int64_t)request->words[2] < 0 ? -PE_INVAL : write_at(request, handle, inode, request->words[2]);
}

static int64_t truncate_inode(uint32_t number, uint64_t size)
{
    const struct ext2_inode *inode = inode_view(number);

    if (inode == NULL) {
        return -PE_IO;
    }
    if (!inode_is_regular(inode)) {
        return inode_is_directory(inode) ? -PE_ISDIR : -PE_INVAL;
    }
    return (int64_t)size < 0 ? -PE_INVAL : file_truncate(number, size);
}

int64_t op_truncate(struct request *request)
{
    int64_t number = path_to_inode(request, PATH_FOLLOW);

    return number < 0 ? number : truncate_inode((uint32_t)number, request->words[0]);
}

int64_t op_ftruncate(struct request *request)
{
    int64_t error;
    const struct ext2_inode *inode;
    const struct fs_handle *handle = request_handle(request, &inode, &error);

    if (handle == NULL) {
        return error;
    }
    if ((handle->flags & FS_O_ACCESS_MASK) == FS_O_READ_ONLY) {
        return -PE_INVAL;
    }
    return truncate_inode(handle->inode, request->words[1]);
}

/*
 * Everything committed up to here goes to the disk: this batch. What others add to the next one meanwhile is not
 * waited for, else a busy neighbour could keep a sync from ever ending.
 */
static int64_t sync_log(void)
{
    uint32_t batch = (uint32_t)fs_region()->batch;
    uint32_t waits_for = sync_view();

    if (log_is_empty() || (waits_for != 0 && (int32_t)(batch - waits_for) >= 0)) {
        if (waits_for != 0 && fs_region()->lost_batch == waits_for - 1) {
            return -PE_IO; /* a record of it was damaged */
        }
        if (waits_for != 0) {
            sync_set(0);
        }
        return 0;
    }
    if (waits_for == 0) {
        sync_set(batch + 1 != 0 ? batch + 1 : 1);
    }
    return FS_DRAIN_FIRST;
}

int64_t op_fsync(struct request *request)
{
    return handle_view(request->words[0]) == NULL ? -PE_BADF : sync_log();
}

int64_t op_sync(struct request *request)
{
    (void)request;
    return sync_log();
}
