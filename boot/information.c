/* SPDX-License-Identifier: MIT */
/*
 * boot_information: memory ranges and command line, whatever the protocol.
 *
 * Rule: a page is usable only when the loader says that all of it is RAM, nothing that it says contradicts
 * this, and it belongs neither to the first MiB, nor to the kernel image, nor to the payload.
 */
#include "boot/protocols.h"
#include "kernel/boot_information.h"
#include "kernel/x86_64/address.h"
#include "kernel/x86_64/log.h"

#define REPORTED_RANGES   128
#define FIRST_USABLE_BYTE 0x100000

struct reported_range {
    uint64_t start;
    uint64_t end;
    bool usable;
};

struct boot_information boot_information;

static struct reported_range reported[REPORTED_RANGES];
static uint32_t reported_count;

void boot_memory_report(uint64_t start, uint64_t bytes, bool usable)
{
    if (bytes == 0)
        return;
    if (reported_count == REPORTED_RANGES)
        panic("the loader reports more than %d memory ranges", REPORTED_RANGES);
    reported[reported_count++] = (struct reported_range){start, start + bytes, usable};
}

void boot_command_line_report(const char *text, size_t limit_bytes)
{
    size_t length = 0;
    while (length < limit_bytes && text[length] != '\0')
        length++;
    if (length >= BOOT_COMMAND_LINE_BYTES)
        panic("the command line is longer than %d bytes", BOOT_COMMAND_LINE_BYTES - 1);
    for (size_t i = 0; i < length; i++)
        boot_information.command_line[i] = text[i];
    boot_information.command_line[length] = '\0';
}

static void memory_insert(uint32_t index, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    if (boot_information.memory_ranges == BOOT_MEMORY_RANGES)
        panic("memory is cut into more than %d usable ranges", BOOT_MEMORY_RANGES);
    struct boot_memory_range *memory = boot_information.memory;
    for (uint32_t i = boot_information.memory_ranges++; i > index; i--)
        memory[i] = memory[i - 1];
    memory[index] = (struct boot_memory_range){start, end - start};
}

static void memory_delete(uint32_t index)
{
    struct boot_memory_range *memory = boot_information.memory;
    boot_information.memory_ranges--;
    for (uint32_t i = index; i < boot_information.memory_ranges; i++)
        memory[i] = memory[i + 1];
}

/* Takes the pages touched by [start, end) out of the usable ranges. */
static void memory_remove(uint64_t start, uint64_t end)
{
    start &= ~(uint64_t)(PAGE_BYTES - 1);
    end = (end + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    for (uint32_t i = 0; i < boot_information.memory_ranges;) {
        uint64_t range_start = boot_information.memory[i].start;
        uint64_t range_end = range_start + boot_information.memory[i].bytes;
        if (end <= range_start || start >= range_end) {
            i++;
            continue;
        }
        memory_delete(i);
        memory_insert(i, end, range_end);
        memory_insert(i, range_start, start < range_end ? start : range_end);
        if (range_start < start)
            i++;
        if (end < range_end)
            i++;
    }
}

/* Adds the whole pages of [start, end) that the physical map reaches and that are not yet there. */
static void memory_add(uint64_t start, uint64_t end)
{
    start = (start + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    end &= ~(uint64_t)(PAGE_BYTES - 1);
    if (end > PHYSICAL_MAP_BYTES) {
        uint64_t reachable_from = start > PHYSICAL_MAP_BYTES ? start : PHYSICAL_MAP_BYTES;
        boot_information.memory_unreachable_bytes += end - reachable_from;
        end = PHYSICAL_MAP_BYTES;
    }
    if (start >= end)
        return;
    memory_remove(start, end);
    uint32_t index = 0;
    while (index < boot_information.memory_ranges && boot_information.memory[index].start < start)
        index++;
    memory_insert(index, start, end);
}

void boot_information_finish(void)
{
    for (uint32_t i = 0; i < reported_count; i++) {
        if (reported[i].usable)
            memory_add(reported[i].start, reported[i].end);
    }
    for (uint32_t i = 0; i < reported_count; i++) {
        if (!reported[i].usable)
            memory_remove(reported[i].start, reported[i].end);
    }
    memory_remove(0, FIRST_USABLE_BYTE);
    memory_remove((uint64_t)kernel_start_physical, pointer_to_physical(kernel_end));
    if (boot_information.payload_bytes > 0)
        memory_remove(boot_information.payload_start,
                      boot_information.payload_start + boot_information.payload_bytes);
    for (uint32_t i = 0; i < boot_information.memory_ranges; i++)
        boot_information.memory_bytes += boot_information.memory[i].bytes;
    if (boot_information.memory_bytes == 0)
        panic("the boot loader reports no usable memory");
}
