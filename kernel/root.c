/* SPDX-License-Identifier: MIT */
/* Loading the root domain from the system bundle (ELF64: System V ABI, gABI 4.1 chapter 5). The bundle is part of
 * the kernel image, so what is wrong with it is a build error: panic says what.
 */
#include "kernel/root.h"
#include "kernel/boot_information.h"
#include "kernel/domain.h"
#include "kernel/notification.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/log.h"
#include "kernel/x86_64/mmu.h"

#define ELF_MAGIC 0x464c457fu
#define ELF_LOAD 1u
#define ELF_EXECUTABLE 1u
#define ELF_WRITABLE 2u
#define BOOT_INFO_PAGES 1
#define ALL_PORTS 0xffffu

struct elf_header {
    uint32_t magic;
    uint8_t identification[12];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_bytes, program_header_bytes, program_header_count;
    uint16_t section_header_bytes, section_header_count, names;
};

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_bytes, memory_bytes, alignment;
};

static struct memory *boot_info_memory;

static const struct bundle_entry *bundle_find(const void *bundle, const char *name)
{
    const struct bundle_header *header = bundle;
    const struct bundle_entry *entry = (const struct bundle_entry *)(header + 1);

    if (header->magic != BUNDLE_MAGIC || header->version != BUNDLE_VERSION)
        return NULL;
    for (uint32_t i = 0; i < header->count && i < BUNDLE_ENTRIES_MAXIMUM; i++, entry++) {
        uint32_t n = 0;

        while (n < BUNDLE_NAME_BYTES && entry->name[n] == name[n] && name[n])
            n++;
        if (n < BUNDLE_NAME_BYTES && entry->name[n] == name[n])
            return entry;
    }
    return NULL;
}

static void map_or_panic(struct domain *root, struct memory *memory, uint64_t address, uint32_t pages,
                         uint8_t protection)
{
    if (!memory || domain_map(root, memory, address, 0, pages, protection, false) != PD_OK)
        panic("no memory to map %u pages of init at %lx", pages, address);
}

static void load_segment(struct domain *root, const uint8_t *image, const struct elf_program_header *header)
{
    uint64_t start = header->address & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t end = header->address + header->memory_bytes;
    uint32_t pages = (uint32_t)((end - start + PAGE_BYTES - 1) / PAGE_BYTES);
    struct memory *memory = memory_create(root, pages);
    uint8_t protection = RIGHT_USE | (header->flags & ELF_WRITABLE ? RIGHT_WRITE : 0) |
                         (header->flags & ELF_EXECUTABLE ? RIGHT_EXECUTE : 0);

    for (uint64_t i = 0; memory && i < header->file_bytes; i++) {
        uint64_t at = header->address - start + i;
        uint64_t frame = memory_populate(memory, (uint32_t)(at / PAGE_BYTES));

        if (!frame)
            panic("no memory to load init");
        ((uint8_t *)physical_to_pointer(frame))[at % PAGE_BYTES] = image[header->offset + i];
    }
    map_or_panic(root, memory, start, pages, protection);
}

static void make_boot_info(struct domain *root, uint64_t payload_pages, uint64_t disk_pages)
{
    struct boot_info *info;

    boot_info_memory = memory_create(root, BOOT_INFO_PAGES);
    info = physical_to_pointer(memory_populate(boot_info_memory, 0));
    info->magic = BOOT_MAGIC;
    info->epoch_s = clock_epoch_s;
    info->tsc_hz = clock_tsc_hz;
    info->payload_pages = payload_pages;
    info->disk_pages = disk_pages;
    info->memory_pages = boot_information.memory_bytes / PAGE_BYTES;
    __builtin_memcpy(info->command_line, boot_information.command_line, sizeof(info->command_line));
    boot_info_memory->frozen = 1;
    map_or_panic(root, boot_info_memory, BOOT_INFO_ADDRESS, BOOT_INFO_PAGES, RIGHT_USE);
}

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

/* The RAM disk: the payload's entry `disk`, NULL if it has none. */
static const struct bundle_entry *payload_disk(void)
{
    const struct bundle_entry *disk = NULL;

    if (boot_information.payload_bytes > PAGE_BYTES)
        disk = bundle_find(physical_to_pointer(boot_information.payload_start), "disk");
    if (disk && (disk->offset_bytes % PAGE_BYTES || disk->offset_bytes > boot_information.payload_bytes ||
                 disk->size_bytes > boot_information.payload_bytes - disk->offset_bytes))
        panic("the payload's disk (%lu bytes at %lu) does not lie within its %lu bytes: damaged payload?",
              disk->size_bytes, disk->offset_bytes, boot_information.payload_bytes);
    return disk;
}

uint64_t root_load(struct domain *root)
{
    const struct bundle_entry *entry = bundle_find(system_bundle_start, "init");
    const struct bundle_entry *disk = payload_disk();
    const uint8_t *image = system_bundle_start + (entry ? entry->offset_bytes : 0);
    const struct elf_header *header = (const struct elf_header *)(const void *)image;
    struct memory *stack = memory_create(root, PROGRAM_STACK_BYTES / PAGE_BYTES);

    if (!entry || header->magic != ELF_MAGIC)
        panic("the system bundle has no ELF file `init`");
    for (uint32_t i = 0; i < header->program_header_count; i++) {
        const struct elf_program_header *segment =
            (const void *)(image + header->program_headers + (uint64_t)i * header->program_header_bytes);

        if (segment->type == ELF_LOAD && segment->memory_bytes)
            load_segment(root, image, segment);
    }
    map_or_panic(root, stack, PROGRAM_STACK_TOP - PROGRAM_STACK_BYTES, PROGRAM_STACK_BYTES / PAGE_BYTES,
                 RIGHT_USE | RIGHT_WRITE);
    make_boot_info(root, pages_of(boot_information.payload_bytes), disk ? pages_of(disk->size_bytes) : 0);
    return header->entry;
}

static struct object *physical_object(struct domain *root, uint64_t physical, uint64_t pages, bool frozen)
{
    struct memory *memory = memory_create_physical(root, physical, (uint32_t)pages, false);

    if (memory)
        memory->frozen = frozen;
    return memory ? &memory->object : NULL;
}

void root_give_machine(struct domain *root, root_give_function *give)
{
    const struct bundle_entry *disk = payload_disk();
    struct ioport *ports = ioport_create(root, 0, ALL_PORTS);
    uint64_t bundle_bytes = (uint64_t)(system_bundle_end - system_bundle_start);

    give(root, SLOT_BOOT_INFO, &boot_info_memory->object, RIGHT_USE | RIGHT_GRANT);
    give(root, SLOT_SYSTEM_BUNDLE, physical_object(root, pointer_to_physical(system_bundle_start), pages_of(bundle_bytes), true),
         RIGHT_USE | RIGHT_EXECUTE | RIGHT_GRANT);
    give(root, SLOT_MACHINE, ports ? &ports->object : NULL, RIGHT_ALL);
    if (boot_information.payload_bytes)
        give(root, SLOT_PAYLOAD,
             physical_object(root, boot_information.payload_start, pages_of(boot_information.payload_bytes), true),
             RIGHT_USE | RIGHT_EXECUTE | RIGHT_GRANT);
    if (!disk)
        return;
    give(root, SLOT_DISK,
         physical_object(root, boot_information.payload_start + disk->offset_bytes, pages_of(disk->size_bytes), false),
         RIGHT_USE | RIGHT_WRITE | RIGHT_GRANT);
    log_line("ramdisk physical=0x%lx bytes=%lu", boot_information.payload_start + disk->offset_bytes,
             disk->size_bytes);
}
