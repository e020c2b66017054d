/* SPDX-License-Identifier: MIT */
/*
 * The RAM disk: an image that the boot loader brought, as memory.
 *
 * Rule: the image is the disk. It belongs to no incarnation, so nothing that was written is lost when this
 * server dies.
 */
#include "copy.h"
#include "driver.h"
#include "servers/common/server.h"

#include "perdure/domain.h"
#include "perdure/memory.h"

#define SECTORS_PER_PAGE (PAGE_BYTES / BLK_SECTOR_BYTES)

static bool ram_start(struct disk *disk)
{
    uint64_t pages, resident_pages, physical_address;
    int64_t status;

    if (pd_memory_info(SLOT_DEVICE_MEMORY, &pages, &resident_pages, &physical_address) != PD_OK ||
        pages == 0) {
        return false;
    }
    status = pd_map(SLOT_SELF_DOMAIN, SLOT_DEVICE_MEMORY, BLK_DISK_ADDRESS, 0, pages, RIGHT_USE | RIGHT_WRITE,
                    0);
    /* PD_BAD_ADDRESS: it is mapped already, by who made this domain. */
    if (status != PD_OK && status != PD_BAD_ADDRESS) {
        server_log("RAM disk of %lu pages cannot be mapped: %s", pages, pd_status_text(status));
        return false;
    }
    disk->sectors = pages * SECTORS_PER_PAGE;
    disk->read_only = false;
    return true;
}

static uint8_t *sector_address(uint64_t sector)
{
    return (uint8_t *)BLK_DISK_ADDRESS + sector * BLK_SECTOR_BYTES;
}

static int64_t ram_read(uint64_t first_sector, uint32_t count, void *memory)
{
    copy_sectors(memory, sector_address(first_sector), first_sector, count);
    return 0;
}

static int64_t ram_write(uint64_t first_sector, uint32_t count, const void *memory)
{
    copy_sectors(sector_address(first_sector), memory, first_sector, count);
    return 0;
}

static int64_t ram_flush(void)
{
    return 0;
}

const struct driver ram_driver = {
    .name = "ram",
    .start = ram_start,
    .read = ram_read,
    .write = ram_write,
    .flush = ram_flush,
};
