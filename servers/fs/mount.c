/* SPDX-License-Identifier: MIT */
/*
 * Mounting and unmounting.
 *
 * Rule: a mount makes everything in fs_memory from the disk, the region and the committed log; it is the same at the first
 * start and at recovery, but for the region, which only the first start writes.
 */
#include "mount.h"

#include "allocate.h"
#include "cache.h"
#include "drain.h"
#include "inode.h"
#include "log.h"
#include "ops.h"
#include "transaction.h"
#include "volume.h"

int64_t mount_volume(void)
{
    int64_t result;

    cache_reset();
    transaction_begin(false);
    result = volume_load();
    if (result == 1) {
        drain_replayed();
        result = 0;
    }
    if (result == 0) {
        if (fs_region()->flags & REGION_DAMAGED) {
            volume_distrust();
        }
        cache_reset();
        log_rebuild();
        result = volume_count();
    }
    fs.mount_error = result;
    if (result < 0) {
        fs.volume.mounted = 0;
    }
    return result;
}

void region_seal(void)
{
    struct fs_region *region = fs_region();
    uint32_t check = region_check(region);

    if (region->check != check) { /* what is not written need not be committed */
        region->check = check;
    }
}

/* Release one inode that is open and has no names: nobody comes back for it. 1, 0 if there is none, or an error. */
static int64_t release_nameless(void)
{
    for (uint32_t place = 0; place < OPEN_ENTRIES; place++) {
        uint32_t number = fs.open.entry[place].inode;
        const struct ext2_inode *inode = number == 0 ? NULL : inode_view(number);

        if (inode != NULL && inode->links == 0 && inode_is_allocated(number) == 1) {
            int64_t result = inode_release(number);

            return result < 0 ? result : 1;
        }
    }
    return 0;
}

/* Who started the file system binds to it first: it alone may end it for all. */
#define OWNER_BINDING 1

int64_t op_unmount(struct request *request)
{
    int64_t result;

    if (request->binding > OWNER_BINDING) {
        return -PE_PERM;
    }
    result = fs.volume.read_only ? 0 : release_nameless();
    if (result != 0) {
        return result < 0 ? result : SERVICE_AGAIN;
    }
    if (!log_is_empty()) {
        return FS_DRAIN_FIRST;
    }
    result = drain_for_unmount();
    if (result == 0) {
        fs_region()->stage = STAGE_UNMOUNTED;
        fs.volume.mounted = 0;
        fs.mount_error = -PE_IO;
    }
    return result;
}
