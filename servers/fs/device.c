/* SPDX-License-Identifier: MIT */
/* Calls to the block service, and the clock (device.h says how they are used). Rule: no state but the time of this call. */
#include "device.h"

#include "abi/blk.h"

#define TRIES 3 /* of a call, before an error is believed */

static uint32_t pages_of(uint32_t sectors)
{
    return (sectors + UNIT_SECTORS - 1) / UNIT_SECTORS;
}

static int64_t call(uint32_t operation, uint64_t first, uint32_t sectors, uint64_t transfer, uintptr_t base)
{
    uint64_t words[4] = {first, sectors, 0, 0};

    for (uint32_t tries = 0; tries < TRIES; tries++) {
        struct service_result result = service_invoke(SLOT_BLK, operation, words, transfer, base);

        if (result.status == PD_OK && result.words[0] == 0) {
            return 0;
        }
    }
    return -PE_IO;
}

int64_t device_info(uint64_t *sectors, bool *read_only)
{
    struct service_result result = service_invoke(SLOT_BLK, BLK_INFO, NULL, 0, 0);

    if (result.status != PD_OK) {
        return -PE_IO;
    }
    if ((int64_t)result.words[0] < 0) {
        return -PE_NODEV;
    }
    *sectors = result.words[1];
    *read_only = result.words[2] != 0;
    return 0;
}

int64_t device_read(uint64_t first, uint32_t sectors, void *to)
{
    fs.statistics.units_read += pages_of(sectors);
    return call(BLK_READ, first, sectors, service_lend_out(pages_of(sectors)), (uintptr_t)to);
}

int64_t device_write(uint64_t first, uint32_t sectors, const void *from)
{
    fs.statistics.units_written += pages_of(sectors);
    return call(BLK_WRITE, first, sectors, service_lend_in(pages_of(sectors)), (uintptr_t)from);
}

int64_t device_flush(void)
{
    return call(BLK_FLUSH, 0, 0, 0, 0);
}

uint32_t clock_seconds(void)
{
    if (fs.now_s == 0) {
        const struct boot_info *boot = (const struct boot_info *)BOOT_INFO_ADDRESS;
        uint64_t hz = boot->tsc_hz ? boot->tsc_hz : 1000000000u;

        fs.now_s = (uint32_t)(boot->epoch_s + __builtin_ia32_rdtsc() / hz);
    }
    return fs.now_s;
}

void clock_begin_call(void)
{
    fs.now_s = 0;
}
