/* SPDX-License-Identifier: MIT */
/*
 * One call: room in the log, the operation, then commit or abort.
 *
 * Rule: before an operation there is room in the log for an ordinary transaction. What has to come first (writing the log
 * back when it is full, or when the operation needs what the batch has freed; freeing the rest of a large file) is a
 * transaction of its own: it commits, and the request comes again. So only committed records are ever written to the disk, and
 * a long call makes progress however often the server dies.
 *
 * Damage is believed at the second time: an operation that finds some ends its incarnation once, for a value that the processor
 * got wrong looks the same, and is gone in the next one.
 */
#include "ops.h"

#include "cache.h"
#include "device.h"
#include "drain.h"
#include "inode.h"
#include "log.h"
#include "mount.h"
#include "state.h"
#include "transaction.h"
#include "twice.h"
#include "volume.h"

enum kind {
    READS,   /* and changes at most contents and times; or it says FS_TWICE */
    MAKES,   /* changes the structure: done twice; refuses a read-only volume itself */
    CHANGES, /* likewise, whenever it succeeds: refused on a read-only volume */
};

struct operation {
    int64_t (*run)(struct request *request);
    enum kind kind;
};

static const struct operation operations[FS_OPERATIONS] = {
    [FS_OPEN] = {op_open, READS},
    [FS_CLOSE] = {op_close, READS},
    [FS_READ] = {op_read, READS},
    [FS_WRITE] = {op_write, READS},
    [FS_PREAD] = {op_pread, READS},
    [FS_PWRITE] = {op_pwrite, READS},
    [FS_SEEK] = {op_seek, READS},
    [FS_STAT] = {op_stat, READS},
    [FS_FSTAT] = {op_fstat, READS},
    [FS_ACCESS] = {op_access, READS},
    [FS_UNLINK] = {op_unlink, CHANGES},
    [FS_RMDIR] = {op_rmdir, CHANGES},
    [FS_MKDIR] = {op_mkdir, MAKES},
    [FS_LINK] = {op_link, MAKES},
    [FS_SYMLINK] = {op_symlink, MAKES},
    [FS_READLINK] = {op_readlink, READS},
    [FS_RENAME] = {op_rename, CHANGES},
    [FS_TRUNCATE] = {op_truncate, CHANGES},
    [FS_FTRUNCATE] = {op_ftruncate, CHANGES},
    [FS_FSYNC] = {op_fsync, READS},
    [FS_SYNC] = {op_sync, READS},
    [FS_CHMOD] = {op_chmod, CHANGES},
    [FS_FCHMOD] = {op_fchmod, CHANGES},
    [FS_CHOWN] = {op_chown, CHANGES},
    [FS_FCHOWN] = {op_fchown, CHANGES},
    [FS_UTIME] = {op_utime, CHANGES},
    [FS_READDIR] = {op_readdir, READS},
    [FS_CHDIR] = {op_chdir, READS},
    [FS_FCHDIR] = {op_fchdir, READS},
    [FS_GETCWD] = {op_getcwd, READS},
    [FS_STATFS] = {op_statfs, READS},
    [FS_UNMOUNT] = {op_unmount, READS},
    [FS_AUDIT] = {op_audit, READS},
    [FS_DESCRIBE] = {op_describe, READS},
    [FS_ADOPT] = {op_adopt, READS},
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

/* Go on freeing what an earlier call left over. What cannot be freed (the disk is damaged there) is given up. */
static int64_t continue_release(struct request *request)
{
    (void)request;
    if (release_step() < 0) {
        server_log("inode %u cannot be freed; run e2fsck", fs_region()->release_inode);
        transaction_abort();
        fs.transaction.release_inode = 0;
    }
    return 0;
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
    bool failed = false; /* to write back: the same request does not begin it again */
    int64_t result = 0;

    if (drain_is_running() || !log_has_room()) {
        result = write_back(false);
        failed = result == 0;
    } else if (fs_region()->release_inode != 0 && !fs.volume.read_only) {
        do_twice(continue_release, request, true);
        result = SERVICE_AGAIN;
    }
    if (result != 0) {
        return result;
    }
    result = do_twice(operation->run, request, operation->kind != READS);
    if (result != FS_DRAIN_FIRST) {
        return result;
    }
    return failed ? -PE_IO : write_back(true);
}

/* Times that damage was found again by another incarnation, from which on the disk is known to be bad. */
#define DAMAGES_BELIEVED 4

/*
 * The operation has found damage. The first time the request comes again, to a new incarnation; what is committed here says so,
 * to this incarnation and to the next.
 */
static int64_t doubt(void)
{
    struct fs_region *region = fs_region();

    if (!doubt_view() && region->damages < DAMAGES_BELIEVED) {
        doubt_set(1);
        region->doubt = 1;
        return SERVICE_AGAIN;
    }
    if (region->damages < DAMAGES_BELIEVED) {
        region->damages++;
    }
    sync_set(0);
    return -PE_IO;
}

int64_t service_call(struct request *request)
{
    const struct operation *operation = &operations[request->operation < FS_OPERATIONS ? request->operation : 0];
    int64_t result;

    if (operation->run == NULL) {
        return -PE_NOSYS;
    }
    if (!fs.volume.mounted && (fs_region()->stage != STAGE_MOUNTED || mount_volume() < 0)) {
        return fs.mount_error;
    }
    check_own_state();
    if (fs_region()->doubt) {
        fs_panic(FS_PANIC_DOUBT);
    }
    cache_begin_call();
    clock_begin_call();
    fs.statistics.calls++;
    if (operation->kind == CHANGES && fs.volume.read_only) {
        return -PE_ROFS;
    }
    if (sync_view() != 0 && operation->run != op_fsync && operation->run != op_sync) {
        sync_set(0);
    }
    result = run(operation, request);
    if (result == -PE_IO) {
        result = doubt();
    }
    if (doubt_view() && result != SERVICE_AGAIN) {
        doubt_set(0);
    }
    region_seal();
    return result;
}
