/* SPDX-License-Identifier: MIT */
/* Gathered writes (writer.h). */
#include "writer.h"

#include "data.h"
#include "device.h"
#include "transaction.h"

static void hand_over(struct writer *writer)
{
    uint32_t sector_shift = fs.volume.block_shift - 9;

    if (writer->count > 0 && device_write((uint64_t)writer->first << sector_shift, writer->count << sector_shift,
                                          fs_scratch.staging) < 0) {
        writer->error = -PE_IO;
    }
    writer->count = 0;
}

uint8_t *writer_next(struct writer *writer, uint32_t block)
{
    if (block != writer->first + writer->count ||
        (writer->count + 1) << fs.volume.block_shift > sizeof(fs_scratch.staging)) {
        hand_over(writer);
    }
    if (writer->count == 0) {
        writer->first = block;
    }
    return fs_scratch.staging + (writer->count++ << fs.volume.block_shift);
}

int64_t writer_add_cached(struct writer *writer, uint32_t block)
{
    uint64_t lost = fs.statistics.records_lost;
    int64_t frame = cache_get(block_unit(block));

    if (frame < 0) {
        return fs.statistics.records_lost == lost ? -PE_IO : 0;
    }
    if (data_copy_out((uint32_t)frame, block_place(block), writer_next(writer, block),
                      (uint32_t)fs.volume.block_bytes) < 0) {
        fs_panic(FS_PANIC_CHECK);
    }
    return 0;
}

int64_t writer_finish(struct writer *writer)
{
    hand_over(writer);
    return writer->error;
}
