/* SPDX-License-Identifier: MIT */
/*
 * Reader of the multiboot2 boot information.
 *
 * Rule: a list of tags, each 8-byte aligned, ended by a tag of type 0 (Multiboot2 Specification 2.0,
 * section 3.6); unknown tags are stepped over.
 */
#include "boot/protocols.h"
#include "kernel/boot_information.h"
#include "kernel/x86_64/address.h"

#define TAG_END          0
#define TAG_COMMAND_LINE 1
#define TAG_MODULE       3
#define TAG_MEMORY_MAP   6

#define MEMORY_USABLE 1

struct multiboot2_tag {
    uint32_t type;
    uint32_t bytes; /* with this header, without the padding */
};

struct multiboot2_module {
    struct multiboot2_tag tag;
    uint32_t start;
    uint32_t end;
};

struct multiboot2_memory_range {
    uint64_t start;
    uint64_t bytes;
    uint32_t type;
    uint32_t reserved;
};
_Static_assert(sizeof(struct multiboot2_memory_range) == 24, "layout fixed by the Multiboot2 Specification");

struct multiboot2_memory_map {
    struct multiboot2_tag tag;
    uint32_t entry_bytes;
    uint32_t entry_version;
};

static void memory_map_read(const struct multiboot2_memory_map *map)
{
    const uint8_t *end = (const uint8_t *)map + map->tag.bytes;
    for (const uint8_t *entry = (const uint8_t *)(map + 1); entry < end; entry += map->entry_bytes) {
        const struct multiboot2_memory_range *range = (const void *)entry;
        boot_memory_report(range->start, range->bytes, range->type == MEMORY_USABLE);
    }
}

void multiboot2_read(uint64_t information)
{
    boot_information.protocol = "multiboot2";
    /* Total size and a reserved word come before the first tag. */
    const struct multiboot2_tag *tag = physical_to_pointer(information + 8);
    while (tag->type != TAG_END) {
        const void *body = tag + 1;
        if (tag->type == TAG_COMMAND_LINE) {
            boot_command_line_report(body, tag->bytes - sizeof(*tag));
        } else if (tag->type == TAG_MODULE && boot_information.payload_bytes == 0) {
            const struct multiboot2_module *module = (const void *)tag;
            boot_information.payload_start = module->start;
            boot_information.payload_bytes = module->end - module->start;
        } else if (tag->type == TAG_MEMORY_MAP) {
            memory_map_read((const void *)tag);
        }
        tag = (const void *)((const uint8_t *)tag + ((tag->bytes + 7) & ~7u));
    }
}
