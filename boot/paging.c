/* SPDX-License-Identifier: MIT */
/*
 * The kernel's half of every address space.
 *
 * Rule: no page is both writable and executable, and a page of the kernel image has the same write protection
 * under both of its addresses: KERNEL_BASE and the physical map share the page tables that cover it, and the
 * physical map's upper levels add NX to all of it. Entries are those of Intel SDM vol. 3A, section 4.5.
 */
#include "boot/protocols.h"
#include "kernel/x86_64/address.h"
#include "kernel/x86_64/cpu.h"

#define ENTRY_PRESENT    ((uint64_t)1 << 0)
#define ENTRY_WRITE      ((uint64_t)1 << 1)
#define ENTRY_UNCACHED   ((uint64_t)3 << 3) /* PWT and PCD */
#define ENTRY_LARGE      ((uint64_t)1 << 7)
#define ENTRY_GLOBAL     ((uint64_t)1 << 8)
#define ENTRY_NO_EXECUTE ((uint64_t)1 << 63)

#define ENTRIES             512
#define LARGE_PAGE_BYTES    ((uint64_t)ENTRIES * PAGE_BYTES)
#define DIRECTORY_BYTES     (ENTRIES * LARGE_PAGE_BYTES)
#define MAP_DIRECTORIES     (PHYSICAL_MAP_BYTES / DIRECTORY_BYTES)
#define IMAGE_TABLES        (KERNEL_IMAGE_LIMIT / LARGE_PAGE_BYTES)
#define DEVICES_START       0xfec00000 /* I/O APIC, local APIC and firmware; never RAM on a PC */
#define PML4_INDEX(address) ((address) >> 39 & (ENTRIES - 1))
#define PDPT_INDEX(address) ((address) >> 30 & (ENTRIES - 1))

#define PAGE_TABLE __attribute__((aligned(PAGE_BYTES)))

PAGE_TABLE uint64_t kernel_page_table[ENTRIES];
PAGE_TABLE static uint64_t map_pointers[ENTRIES], image_pointers[ENTRIES];
PAGE_TABLE static uint64_t map_directories[MAP_DIRECTORIES][ENTRIES], image_directory[ENTRIES];
PAGE_TABLE static uint64_t image_tables[IMAGE_TABLES][ENTRIES];

static uint64_t table_entry(const uint64_t *table)
{
    return pointer_to_physical(table) | ENTRY_WRITE | ENTRY_PRESENT;
}

/* The 4 KiB entry for a page of the first KERNEL_IMAGE_LIMIT bytes of physical memory. */
static uint64_t image_page_entry(uint64_t physical)
{
    const uint8_t *address = (const uint8_t *)(KERNEL_BASE + physical);
    uint64_t entry = physical | ENTRY_PRESENT | ENTRY_GLOBAL;
    if (address >= kernel_text_start && address < kernel_text_end)
        return entry;
    if (address >= kernel_rodata_start && address < kernel_rodata_end)
        return entry | ENTRY_NO_EXECUTE;
    if (address == kernel_stack_guard)
        return 0;
    return entry | ENTRY_NO_EXECUTE | ENTRY_WRITE;
}

/* The 2 MiB entry of the physical map outside the image. */
static uint64_t map_page_entry(uint64_t physical)
{
    uint64_t entry = physical | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_LARGE | ENTRY_GLOBAL | ENTRY_NO_EXECUTE;
    return physical >= DEVICES_START ? entry | ENTRY_UNCACHED : entry;
}

static void image_map(void)
{
    uint64_t image_end = pointer_to_physical(kernel_end);
    for (uint64_t physical = 0; physical < image_end; physical += LARGE_PAGE_BYTES) {
        uint64_t index = physical / LARGE_PAGE_BYTES;
        for (uint64_t i = 0; i < ENTRIES; i++)
            image_tables[index][i] = image_page_entry(physical + i * PAGE_BYTES);
        image_directory[index] = table_entry(image_tables[index]);
        map_directories[0][index] = table_entry(image_tables[index]) | ENTRY_NO_EXECUTE;
    }
    image_pointers[PDPT_INDEX(KERNEL_BASE)] = table_entry(image_directory);
    kernel_page_table[PML4_INDEX(KERNEL_BASE)] = table_entry(image_pointers);
}

static void physical_memory_map(void)
{
    for (uint64_t physical = 0; physical < PHYSICAL_MAP_BYTES; physical += LARGE_PAGE_BYTES) {
        uint64_t *directory = map_directories[physical / DIRECTORY_BYTES];
        directory[physical / LARGE_PAGE_BYTES % ENTRIES] = map_page_entry(physical);
    }
    for (uint64_t i = 0; i < MAP_DIRECTORIES; i++)
        map_pointers[i] = table_entry(map_directories[i]) | ENTRY_NO_EXECUTE;
    kernel_page_table[PML4_INDEX(PHYSICAL_MAP_BASE)] = table_entry(map_pointers) | ENTRY_NO_EXECUTE;
}

void paging_initialise(void)
{
    physical_memory_map();
    image_map();
    cpu_write_cr3(pointer_to_physical(kernel_page_table));
}
