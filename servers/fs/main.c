/* SPDX-License-Identifier: MIT */
/*
 * fs: an ext2 file system that survives its own death.
 *
 * What a client has open is in its SSR. What was changed and is not on the disk yet is in the log (log.h) in the
 * outbox, as far as the service region covers it. Everything else is a cache (fs.h). So a crash at any instruction takes
 * back exactly the call that was running, and the next incarnation runs it again from the start.
 *
 *     ops.c            one call: room, operation, commit or abort
 *     ops_*.c          the operations                       path.c, state.c     names, handles
 *     file.c, directory*.c, inode.c, block_map.c, truncate.c, allocate.c         ext2
 *     transaction.c, cache.c, data.c                        blocks in memory, changed and checked
 *     log.c            what is committed                    drain.c, journal.c, writer.c     to the disk
 *     mount.c, volume.c, replay.c, recover.c                starting
 *
 * Rule: this file has the memory and the first start, nothing else.
 */
#include "fs.h"

#include "allocate.h"
#include "cache.h"
#include "device.h"
#include "drain.h"
#include "inode.h"
#include "log.h"
#include "mount.h"
#include "state.h"
#include "twice.h"

struct fs_memory fs;
struct fs_scratch fs_scratch __attribute__((section(".scratch"), aligned(4096)));

void service_start_fresh(void)
{
    struct fs_region *region = fs_region();

    memset(region, 0, sizeof(*region));
    region->magic = FS_REGION_MAGIC;
    region->batch = 1;
    /* That the disk is none is believed when it is found twice. */
    region->stage = mount_volume() == 0 || mount_volume() == 0 ? STAGE_MOUNTED : STAGE_REFUSED;
    region_seal();
}

/* No notification is bound to fs: an event can only be a protocol error of its surroundings. */
void service_event(uint64_t bits)
{
    server_log("unexpected event %lx", bits);
}

/* Release inode word 0 if it has no names: nobody has it open any more. */
static int64_t release_nameless(struct request *request)
{
    uint32_t number = (uint32_t)request->words[0];
    const struct ext2_inode *inode = inode_view(number);

    return inode != NULL && inode->links == 0 && inode_is_allocated(number) == 1 ? inode_release(number) : 0;
}

/* What one open file or the working directory stands for is given back. */
static void give_back(uint32_t number)
{
    struct request request = {.words = {number}};

    if (open_remove(number) != 0) {
        return;
    }
    if (drain_is_running() || !log_has_room()) {
        drain_all(); /* a batch does not grow while it is written back */
    }
    if (log_has_room()) {
        do_twice(release_nameless, &request, true);
    }
}

void service_unbind(struct request *request)
{
    const struct fs_ssr *ssr = server_ssr();

    (void)request;
    cache_begin_call();
    clock_begin_call();
    if (!fs.volume.mounted || !ssr_is_valid(ssr)) {
        return;
    }
    for (uint32_t number = 0; number < FS_HANDLES; number++) {
        if (ssr->handles[number].state != 0) {
            give_back(handle_close(number));
        }
    }
    if (ssr->cwd_inode != 0) {
        give_back(ssr->cwd_inode);
    }
    region_seal();
}
