/* SPDX-License-Identifier: MIT */
/*
 * The operations of blk (abi/blk.toml). Rule: a driver sees only sectors that exist and memory that was
 * lent for it.
 */
#include "servers/common/server.h"

#include "state.h"

/* 0 if words 0 and 1 name sectors of the disk and the lent pages hold them all, in the right direction. */
static int64_t check_transfer(const struct request *request, uint32_t lent_flags)
{
    uint64_t first = request->words[0];
    uint64_t count = request->words[1];

    if (!block_service.driver) {
        return -PE_NODEV;
    }
    if (count < 1 || count > BLK_SECTORS_MAXIMUM || first >= block_service.disk.sectors ||
        count > block_service.disk.sectors - first) {
        return -PE_INVAL;
    }
    if (request->lent_flags != lent_flags ||
        (uint64_t)request->lent_pages * PAGE_BYTES < count * BLK_SECTOR_BYTES) {
        return -PE_INVAL;
    }
    return 0;
}

/* `result` is that of the driver: a transfer that it says is done must be the one that was asked for. */
static int64_t confirm(const struct request *request, int64_t result)
{
    if (result == 0 && (block_service.moved.first != request->words[0] || block_service.moved.count != request->words[1])) {
        server_panic(BLK_PANIC_TRANSFER);
    }
    return result;
}

static int64_t read_sectors(const struct request *request)
{
    int64_t result = check_transfer(request, REQUEST_LENT_OUT);

    if (result < 0) {
        return result;
    }
    block_service.moved.count = 0;
    result = block_service.driver->read(request->words[0], (uint32_t)request->words[1], server_lent());
    return confirm(request, result);
}

static int64_t write_sectors(const struct request *request)
{
    int64_t result = check_transfer(request, REQUEST_LENT_IN);

    if (result < 0) {
        return result;
    }
    if (block_service.disk.read_only) {
        return -PE_ROFS;
    }
    block_service.moved.count = 0;
    result = block_service.driver->write(request->words[0], (uint32_t)request->words[1], server_lent());
    return confirm(request, result);
}

static int64_t info(struct request *request)
{
    if (!block_service.driver) {
        return -PE_NODEV;
    }
    request->reply[1] = block_service.disk.sectors;
    request->reply[2] = block_service.disk.read_only;
    return 0;
}

int64_t service_call(struct request *request)
{
    switch (request->operation) {
    case BLK_READ:
        return read_sectors(request);
    case BLK_WRITE:
        return write_sectors(request);
    case BLK_FLUSH:
        return block_service.driver ? block_service.driver->flush() : -PE_NODEV;
    case BLK_INFO:
        return info(request);
    default:
        return -PE_NOSYS;
    }
}
