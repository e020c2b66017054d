/* SPDX-License-Identifier: MIT */
/*
 * One call: room in the log, the operation, then commit or abort.
 *
 * Rule: before an operation there is room in the log for the largest transaction, so that nothing can fail once it has
 * succeeded. What has to come first (writing the log back when it is full, or when the operation needs what the batch
 * has freed; freeing the rest of a large file) is a transaction of its own: it commits, and the request comes again. So only
 * committed records are ever written to the disk, and a long call makes progress however often the server dies.
 */
#include "ops.h"

#include "cache.h"
#include "drain.h"
#include "inode.h"
#include "log.h"
#include "mount.h"
#include "state.h"
#include "transaction.h"
#include "volume.h"

struct operation {
    int64_t (*run)(struct request *request);
    bool changes; /* whenever it succeeds: refused on a read-only volume */
};

static const struct operation operations[FS_OPERATIONS] = {
    [FS_OPEN] = {op_open, false},
    [FS_CLOSE] = {op_close, false},
    [FS_READ] = {op_read, false},
    [FS_WRITE] = {op_write, false},
    [FS_PREAD] = {op_pread, false},
    [FS_PWRITE] = {op_pwrite, false},
    [FS_SEEK] = {op_seek, false},
    [FS_STAT] = {op_stat, false},
    [FS_FSTAT] = {op_fstat, false},
    [FS_ACCESS] = {op_access, false},
    [FS_UNLINK] = {op_unlink, true},
    [FS_RMDIR] = {op_rmdir, true},
    [FS_MKDIR] = {op_mkdir, false},
    [FS_LINK] = {op_link, false},
    [FS_SYMLINK] = {op_symlink, false},
    [FS_READLINK] = {op_readlink, false},
    [FS_RENAME] = {op_rename, true},
    [FS_TRUNCATE] = {op_truncate, true},
    [FS_FTRUNCATE] = {op_ftruncate, true},
    [FS_FSYNC] = {op_fsync, false},
    [FS_SYNC] = {op_sync, false},
    [FS_CHMOD] = {op_chmod, true},
    [FS_FCHMOD] = {op_fchmod, true},
    [FS_CHOWN] = {op_chown, true},
    [FS_FCHOWN] = {op_fchown, true},
    [FS_UTIME] = {op_utime, true},
    [FS_READDIR] = {op_readdir, false},
    [FS_CHDIR] = {op_chdir, false},
    [FS_FCHDIR] = {op_fchdir, false},
    [FS_GETCWD] = {op_getcwd, false},
    [FS_STATFS] = {op_statfs, false},
    [FS_UNMOUNT] = {op_unmount, false},
    [FS_AUDIT] = {op_audit, false},
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

/*
 * Go on freeing what an earlier call left over. What cannot be freed (the disk is damaged there) is given up.
 */
static void continue_release(void)
{
    transaction_begin();
    if (release_step() < 0) {
        server_log("inode %u cannot be freed; run e2fsck", fs_region()->release_inode);
        transaction_abort();
        fs.transaction.release_inode = 0;
    }
    transaction_commit();
}

/*
 * One step of writing the log back, as a transaction of its own; without a disk to write to go on as long as nothing is
 * changed.
 */
static int64_t write_back(bool needed)
{
    if (!drain_is_running()) {
        drain_begin();
    }
    if (drain_step() == 0) {
        return SERVICE_AGAIN;
    }
    return needed ? -PE_IO : 0;
}

static int64_t run(const struct operation *operation, struct request *request)
{
    int64_t result = 0;

    if (drain_is_running() || !log_has_room()) {
        result = write_back(false);
    } else if (fs_region()->release_inode != 0) {
        continue_release();
        result = SERVICE_AGAIN;
    }
    if (result != 0) {
        return result;
    }
    transaction_begin();
    result = operation->run(request);
    if (result < 0 && result != SERVICE_AGAIN) {
        transaction_abort();
        request->reply_bytes = 0;
    }
    transaction_commit();
    return result == FS_DRAIN_FIRST ? write_back(true) : result;
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
    cache_begin_call();
    fs.statistics.calls++;
    if (operation->changes && fs.volume.read_only) {
        return -PE_ROFS;
    }
    if (sync_view() != 0 && operation->run != op_fsync && operation->run != op_sync) {
        sync_set(0);
    }
    result = run(operation, request);
    if (region_check(fs_region()) != fs_region()->check) {
        region_seal();
    }
    return result;
}
