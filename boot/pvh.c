/* SPDX-License-Identifier: MIT */
/*
 * Reader of the PVH start information.
 *
 * Rule: structures are those of Xen's public/arch-x86/hvm/start_info.h, version 1 (with memory map); the
 * map's types are those of ACPI 6.4, table 15.6: 1 is usable RAM.
 */
#include "boot/protocols.h"
#include "kernel/boot_information.h"
#include "kernel/x86_64/address.h"
#include "kernel/x86_64/log.h"

struct pvh_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t modules;
    uint64_t module_list;
    uint64_t command_line;
    uint64_t rsdp;
    uint64_t memory_map;
    uint32_t memory_map_entries;
    uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "layout fixed by the PVH ABI");

struct pvh_module {
    uint64_t start;
    uint64_t bytes;
    uint64_t command_line;
    uint64_t reserved;
};
_Static_assert(sizeof(struct pvh_module) == 32, "layout fixed by the PVH ABI");

struct pvh_memory_range {
    uint64_t start;
    uint64_t bytes;
    uint32_t type;
    uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_memory_range) == 24, "layout fixed by the PVH ABI");

#define PVH_MEMORY_USABLE 1

void pvh_read(uint64_t information)
{
    const struct pvh_start_info *start = physical_to_pointer(information);
    if (start->magic != PVH_START_INFO_MAGIC)
        panic("PVH start information at %lx has no magic number: the loader is broken", information);
    if (start->version < 1)
        panic("PVH start information has no memory map: use a loader of protocol version 1 or later");

    boot_information.protocol = "pvh";
    const struct pvh_memory_range *range = physical_to_pointer(start->memory_map);
    for (uint32_t i = 0; i < start->memory_map_entries; i++)
        boot_memory_report(range[i].start, range[i].bytes, range[i].type == PVH_MEMORY_USABLE);

    if (start->modules > 0) {
        const struct pvh_module *module = physical_to_pointer(start->module_list);
        boot_information.payload_start = module->start;
        boot_information.payload_bytes = module->bytes;
    }
    if (start->command_line != 0)
        boot_command_line_report(physical_to_pointer(start->command_line), BOOT_COMMAND_LINE_BYTES);
}
