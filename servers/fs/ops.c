/* SPDX-License-Identifier: MIT */
/*
 * One call: room in the log, the operation, then commit or abort.
 *
 * Rule: before an operation there is room in the log for the largest transaction, so that nothing can fail once it has
 * succeeded. If it finds that it first needs what the batch has freed, everything is taken back, the batch is written
 * to the disk, and it runs again: once.
 */
#include "ops.h"

#include "drain.h"
#include "inode.h"
#include "log.h"
#include "mount.h"
#include "transaction.h"
#include "volume.h"

#define CHANGES 1 /* changes the disk whenever it succeeds: refused on a read-only volume */
#define ALONE   2 /* writes the log back itself: nothing may be appended to it before in this call */

struct operation {
    int64_t (*run)(struct request *request);
    uint32_t flags;
};

static const struct operation operations[FS_OPERATIONS] = {
    [FS_OPEN] = {op_open, 0},
    [FS_CLOSE] = {op_close, 0},
    [FS_READ] = {op_read, 0},
    [FS_WRITE] = {op_write, 0},
    [FS_PREAD] = {op_pread, 0},
    [FS_PWRITE] = {op_pwrite, 0},
    [FS_SEEK] = {op_seek, 0},
    [FS_STAT] = {op_stat, 0},
    [FS_FSTAT] = {op_fstat, 0},
    [FS_ACCESS] = {op_access, 0},
    [FS_UNLINK] = {op_unlink, CHANGES},
    [FS_RMDIR] = {op_rmdir, CHANGES},
    [FS_MKDIR] = {op_mkdir, 0},
    [FS_LINK] = {op_link, 0},
    [FS_SYMLINK] = {op_symlink, 0},
    [FS_READLINK] = {op_readlink, 0},
    [FS_RENAME] = {op_rename, CHANGES},
    [FS_TRUNCATE] = {op_truncate, CHANGES},
    [FS_FTRUNCATE] = {op_ftruncate, CHANGES},
    [FS_FSYNC] = {op_fsync, ALONE},
    [FS_SYNC] = {op_sync, ALONE},
    [FS_CHMOD] = {op_chmod, CHANGES},
    [FS_FCHMOD] = {op_fchmod, CHANGES},
    [FS_CHOWN] = {op_chown, CHANGES},
    [FS_FCHOWN] = {op_fchown, CHANGES},
    [FS_UTIME] = {op_utime, CHANGES},
    [FS_READDIR] = {op_readdir, 0},
    [FS_CHDIR] = {op_chdir, 0},
    [FS_FCHDIR] = {op_fchdir, 0},
    [FS_GETCWD] = {op_getcwd, 0},
    [FS_STATFS] = {op_statfs, 0},
    [FS_UNMOUNT] = {op_unmount, ALONE},
    [FS_AUDIT] = {op_audit, ALONE},
};

/* Our own long-lived state must be as we left it. */
static void check_own_state(void)
{
    if (region_check(fs_region()) != fs_region()->check) {
        fs_panic(FS_PANIC_REGION);
    }
    if (volume_check() != fs.volume.check) {
        fs_panic(FS_PANIC_VOLUME);
    }
}

/* Go on freeing what an earlier call left over, as a transaction of its own. */
static void continue_release(void)
{
    if (fs_region()->release_inode == 0 || !log_has_room()) {
        return;
    }
    transaction_begin();
    if (release_step() < 0) {
        server_log("inode %u cannot be freed; run e2fsck", fs_region()->release_inode);
        transaction_abort();
        fs.transaction.release_inode = 0;
    }
    transaction_commit();
}

/* Run the operation once, with room for what it may change. */
static int64_t attempt(const struct operation *operation, struct request *request, uint32_t number)
{
    if (!log_has_room() && drain_all() < 0) {
        return -PE_IO;
    }
    transaction_begin();
    fs.transaction.attempt = number;
    return operation->run(request);
}

static int64_t run(const struct operation *operation, struct request *request)
{
    int64_t result = attempt(operation, request, 0);

    if (result == FS_DRAIN_FIRST) {
        transaction_abort();
        if (drain_all() < 0) {
            return -PE_IO;
        }
        result = attempt(operation, request, 1);
    }
    if (result < 0) {
        transaction_abort();
        request->reply_bytes = 0;
    }
    transaction_commit();
    return result;
}

int64_t service_call(struct request *request)
{
    const struct operation *operation = &operations[request->operation < FS_OPERATIONS ? request->operation : 0];
    int64_t result;

    if (operation->run == NULL) {
        return -PE_NOSYS;
    }
    if (!fs.volume.mounted) {
        return fs.mount_error;
    }
    check_own_state();
    fs.statistics.calls++;
    if (operation->flags & CHANGES && fs.volume.read_only) {
        return -PE_ROFS;
    }
    if (!(operation->flags & ALONE)) {
        continue_release();
    }
    result = run(operation, request);
    if (region_check(fs_region()) != fs_region()->check) {
        region_seal();
    }
    return result;
}
