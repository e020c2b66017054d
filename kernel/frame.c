/* SPDX-License-Identifier: MIT */
/* Frames come from the free list (a link in each free frame), or, while it is empty, from the part of memory that
 * was never used, so that start-up does not have to touch all of memory. */
#include "kernel/frame.h"
#include "kernel/boot_information.h"
#include "kernel/domain.h"
#include "kernel/x86_64/mmu.h"

static uint64_t free_list; /* physical address of the first free frame, 0: none */
static uint64_t free_frames, total_frames;
static uint32_t fresh_range; /* index in boot_information.memory */
static uint64_t fresh_next;  /* next frame never used in that range */

void frame_initialise(void)
{
    total_frames = boot_information.memory_bytes / PAGE_BYTES;
    free_frames = total_frames;
    fresh_next = boot_information.memory_ranges ? boot_information.memory[0].start : 0;
}

static uint64_t take_fresh(void)
{
    while (fresh_range < boot_information.memory_ranges) {
        const struct boot_memory_range *range = &boot_information.memory[fresh_range];

        if (fresh_next < range->start + range->bytes) {
            uint64_t frame = fresh_next;

            fresh_next += PAGE_BYTES;
            return frame;
        }
        if (++fresh_range < boot_information.memory_ranges)
            fresh_next = boot_information.memory[fresh_range].start;
    }
    return 0;
}

uint64_t frame_allocate(struct domain *payer)
{
    uint64_t frame = free_list;

    if (!free_frames || !quota_charge(payer, PAGE_BYTES))
        return 0;
    if (frame)
        free_list = *(uint64_t *)physical_to_pointer(frame);
    else
        frame = take_fresh();
    free_frames--;
    return frame;
}

uint64_t frame_allocate_zeroed(struct domain *payer)
{
    uint64_t frame = frame_allocate(payer);

    if (frame)
        page_zero(physical_to_pointer(frame));
    return frame;
}

uint64_t frame_allocate_contiguous(struct domain *payer, uint32_t count)
{
    uint64_t bytes = (uint64_t)count * PAGE_BYTES, frame = fresh_next;
    const struct boot_memory_range *range = &boot_information.memory[fresh_range];

    if (fresh_range >= boot_information.memory_ranges || bytes > range->start + range->bytes - fresh_next ||
        !quota_charge(payer, bytes))
        return 0;
    fresh_next += bytes;
    free_frames -= count;
    return frame;
}

void frame_free(struct domain *payer, uint64_t physical)
{
    *(uint64_t *)physical_to_pointer(physical) = free_list;
    free_list = physical;
    free_frames++;
    quota_refund(payer, PAGE_BYTES);
}

uint64_t frame_count_free(void)
{
    return free_frames;
}

uint64_t frame_count_total(void)
{
    return total_frames;
}
