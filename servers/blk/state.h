/* SPDX-License-Identifier: MIT */
/*
 * What blk knows: which driver serves, and the disk's size.
 *
 * Rule: both follow from the machine and the option disk=; every start finds them anew. There is no state
 * of clients.
 */
#ifndef SERVERS_BLK_STATE_H
#define SERVERS_BLK_STATE_H

#include "driver.h"

#define BLK_PANIC_COPY     0x626c0001 /* fault record's code: a copy of sectors differs from them */
#define BLK_PANIC_TRANSFER 0x626c0002 /* what was transferred is not what was asked for */

struct transfer {
    uint64_t first;
    uint32_t count; /* sectors; 0: none */
};

struct block_service {
    const struct driver *driver; /* NULL: there is no disk */
    struct disk disk;
    struct transfer moved; /* by the running call, and looked at before it is answered (copy.h, ops.c) */
};

extern struct block_service block_service;

/*
 * Start the driver that the option disk=ram|virtio|none asks for; without it the RAM disk if there is one,
 * else virtio.
 */
void block_service_start(void);

#endif
