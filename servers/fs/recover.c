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

void service_start_recovered(void)
{
    struct fs_region *region = fs_region();
    struct service_binding binding;

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
    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK; index++) {
        if (binding.flags & BINDING_QUARANTINED || service_open_ssr(binding.binding) != PD_OK) {
            continue;
        }
        if (ssr_is_valid(server_ssr())) {
            ssr_count_opens(server_ssr());
        } else {
            server_log("state of client %u is damaged", binding.binding);
            service_close_ssr();
            service_quarantine(binding.binding);
        }
    }
    service_close_ssr();
}
