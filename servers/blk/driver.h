/* SPDX-License-Identifier: MIT */
/*
 * What both drivers of the block service offer.
 *
 * Rule: a driver remembers nothing that its start does not find again, so a restart is a start; and every
 * transfer may be repeated, so a call that is run again does no harm.
 */
#ifndef SERVERS_BLK_DRIVER_H
#define SERVERS_BLK_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/blk.h"
#include "abi/posix_errno.h"
#include "servers/common/server.h"

struct disk {
    uint64_t sectors; /* of BLK_SECTOR_BYTES */
    bool read_only;
};

struct driver {
    const char *name; /* also the value of the option disk= that asks for it */

    /* Bring the device into a known state and fill in *disk; false: there is no such device. */
    bool (*start)(struct disk *disk);

    /*
     * Move `count` (1..BLK_SECTORS_MAXIMUM) sectors, all of which exist, between the disk and `memory`,
     * which the device itself never sees. 0, -PE_IO, or SERVICE_AGAIN when the device needs longer:
     * delivered again, the call goes on.
     */
    int64_t (*read)(uint64_t first_sector, uint32_t count, void *memory);
    int64_t (*write)(uint64_t first_sector, uint32_t count, const void *memory);

    /* Return when all that was written is durable. 0, -PE_IO or SERVICE_AGAIN. */
    int64_t (*flush)(void);
};

extern const struct driver ram_driver;
extern const struct driver virtio_driver;

#endif
