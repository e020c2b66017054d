/* SPDX-License-Identifier: MIT */
/*
 * Recovery: everything again from the disk, the committed log and the SSRs.
 *
 * Rule: one bad SSR costs one client, never the service; a disk that cannot be read costs nothing but errors until it can.
 * What is wrong with the region itself, which the kernel has checked, is a panic, and the monitor decides.
 */
#include "cache.h"
#include "inode.h"
#include "log.h"
#include "mount.h"
#include "state.h"
#include "transaction.h"
#include "volume.h"

/* What a client has open is open again. */
static bool recover_one(const struct service_binding *binding)
{
    if (!ssr_is_valid(server_ssr())) {
        server_log("state of client %u is damaged", binding->binding);
        return false;
    }
    ssr_count_opens(server_ssr());
    return true;
}

void service_start_recovered(void)
{
    struct fs_region *region = fs_region();

    if (region->magic != FS_REGION_MAGIC) {
        service_start_fresh(); /* the first start never came to its end */
        return;
    }
    if (region_check(region) != region->check) {
        fs_panic(FS_PANIC_REGION);
    }
    fs.mount_error = region->stage == STAGE_MOUNTED ? 0 : -PE_IO;
    if (region->stage != STAGE_MOUNTED) {
        return;
    }
    if (mount_volume() < 0) {
        server_log("the disk cannot be read; every call tries again");
    }
    region->doubt = 0; /* this is the new incarnation */
    region_seal(); /* opening the SSRs commits the region */
    service_recover_each(recover_one);
}
