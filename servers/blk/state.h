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

struct block_service {
    const struct driver *driver; /* NULL: there is no disk */
    struct disk disk;
};

extern struct block_service block_service;

/*
 * Start the driver that the option disk=ram|virtio|none asks for; without it the RAM disk if there is one,
 * else virtio.
 */
void block_service_start(void);

#endif
