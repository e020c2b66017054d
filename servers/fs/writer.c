/* SPDX-License-Identifier: MIT */
/* Gathered writes (writer.h). */
#include "writer.h"

#include "data.h"
#include "device.h"
#include "transaction.h"

static void hand_over(struct writer *writer)
{
    uint32_t sector_shift = fs.volume.block_shift - 9;
    const uint8_t *from = writer->lent_frame != 0 ? cache_bytes(writer->lent_frame - 1) : fs_scratch.staging;

    if (writer->count > 0 &&
        device_write((uint64_t)writer->first << sector_shift, writer->count << sector_shift, from) < 0) {
        writer->error = -PE_IO;
    }
    writer->count = 0;
    writer->lent_frame = 0;
}

/* Whether `block` goes on from what is gathered, and a transfer can be that long. */
static bool continues(const struct writer *writer, uint32_t block)
{
    return writer->count > 0 && block == writer->first + writer->count &&
           (writer->count + 1) << fs.volume.block_shift <= sizeof(fs_scratch.staging);
}

uint8_t *writer_next(struct writer *writer, uint32_t block)
{
    if (writer->lent_frame != 0 || !continues(writer, block)) {
        hand_over(writer);
        writer->first = block;
    }
    return fs_scratch.staging + (writer->count++ << fs.volume.block_shift);
}

/* One block was gathered, lent from the cache, and what follows it does not lie behind it: into the staging buffer. */
static void stage_lent(struct writer *writer)
{
    uint32_t frame = writer->lent_frame - 1;

    if (data_copy_out(frame, 0, fs_scratch.staging, UNIT_BYTES) < 0) {
        fs_panic(FS_PANIC_CHECK);
    }
    writer->lent_frame = 0;
}

/* Gather a block that is a whole unit: lent if that makes a run, or starts one. */
static bool add_lent(struct writer *writer, uint32_t block, uint32_t frame)
{
    if (!continues(writer, block)) {
        hand_over(writer);
        writer->first = block;
        writer->lent_frame = frame + 1;
    } else if (writer->lent_frame == 0 || frame != writer->lent_frame - 1 + writer->count) {
        if (writer->lent_frame != 0 && writer->count == 1) {
            stage_lent(writer);
        }
        return false;
    }
    cache_compare(frame, 0xffff);
    writer->count++;
    return true;
}

int64_t writer_add_cached(struct writer *writer, uint32_t block)
{
    int64_t frame = cache_get(block_unit(block));

    if (frame < 0) {
        return frame;
    }
    if (fs.volume.unit_shift == 0 && add_lent(writer, block, (uint32_t)frame)) {
        return 0;
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
