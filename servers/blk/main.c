/* SPDX-License-Identifier: MIT */
/*
 * blk: sectors of 512 bytes, from one of two drivers (driver.h): a RAM image given at boot, or a virtio disk.
 *
 * It keeps nothing, of clients or of itself: each call is a transfer between the disk and the caller's lent
 * pages, and every transfer may be repeated. When it dies, the call under way runs again in the next
 * incarnation, and nobody notices.
 *
 * Rule: state.c chooses the driver, ops.c checks and passes on, drivers move bytes; no operation waits for
 * another.
 */
#include "servers/common/server.h"

#include "state.h"

void service_start_fresh(void)
{
    block_service_start();
    if (block_service.driver) {
        server_log("blk: %s disk of %lu sectors%s", block_service.driver->name, block_service.disk.sectors,
                   block_service.disk.read_only ? ", read-only" : "");
    } else {
        server_log("blk: no disk");
    }
}

/* No notification is bound to blk: an event can only be a protocol error of its surroundings. */
void service_event(uint64_t bits)
{
    server_log("blk: unexpected event %lx", bits);
}

void service_unbind(struct request *request)
{
    (void)request;
}
