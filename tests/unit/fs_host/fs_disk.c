/* SPDX-License-Identifier: MIT */
/* The disk of the build machine's block service (fs_disk.h). */
#include "fs_disk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/blk.h"
#include "abi/posix_errno.h"
#include "fs_host.h"

static uint8_t *disk;
static size_t disk_bytes;

static void disk_set(uint8_t *memory, size_t bytes)
{
    free(disk);
    disk = memory;
    disk_bytes = bytes;
}

void disk_copy(const void *image, size_t bytes)
{
    uint8_t *memory = malloc(bytes);

    assert(memory != NULL);
    disk_set(memcpy(memory, image, bytes), bytes);
}

void disk_load(const char *image)
{
    FILE *file = fopen(image, "rb");
    uint8_t *memory;
    size_t bytes;

    assert(file != NULL);
    fseek(file, 0, SEEK_END);
    bytes = (size_t)ftell(file);
    rewind(file);
    memory = malloc(bytes);
    assert(memory != NULL && fread(memory, 1, bytes, file) == bytes);
    fclose(file);
    disk_set(memory, bytes);
}

uint64_t disk_sectors(void)
{
    return disk_bytes / 512;
}

int64_t disk_serve(uint32_t operation, uint64_t first, uint64_t count, uint8_t *memory)
{
    size_t bytes = count * 512;

    if (operation == BLK_FLUSH) {
        host_counts.disk_flushes++;
        return 0;
    }
    assert(count >= 1 && count <= BLK_SECTORS_MAXIMUM && ((uintptr_t)memory & 4095) == 0);
    if ((first + count) * 512 > disk_bytes) {
        return -PE_INVAL;
    }
    if (host_plan.disk_error_every != 0 && host_below(host_plan.disk_error_every) == 0) {
        return -PE_IO;
    }
    if (operation == BLK_READ && host_plan.disk_error_reads > 0) {
        host_plan.disk_error_reads--;
        return -PE_IO;
    }
    if (operation == BLK_READ) {
        host_counts.disk_reads++;
        memcpy(memory, disk + first * 512, bytes);
        return 0;
    }
    host_counts.disk_writes++;
    if (host_plan.power_cut_at_write != 0 && host_counts.disk_writes >= host_plan.power_cut_at_write) {
        memcpy(disk + first * 512, memory, host_below(count + 1) * 512); /* torn between sectors */
        host_power_is_off = true;
        return -PE_IO;
    }
    memcpy(disk + first * 512, memory, bytes);
    return 0;
}

void host_save(const char *image)
{
    FILE *file = fopen(image, "wb");

    assert(file != NULL && fwrite(disk, 1, disk_bytes, file) == disk_bytes);
    fclose(file);
}

uint8_t *host_disk(size_t *bytes)
{
    *bytes = disk_bytes;
    return disk;
}
