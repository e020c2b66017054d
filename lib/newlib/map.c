/* SPDX-License-Identifier: MIT */
/* The map of this program's regions above PROGRAM_MAP. Rule: map.h. */
#include "newlib/map.h"

#include <string.h>

#include "newlib/mappings.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/slots.h"

#define MAPPINGS_MAXIMUM 100

static struct mapped mappings[MAPPINGS_MAXIMUM];

static int fail(int reason)
{
    errno = reason;
    return -1;
}

struct mapped *glue_map_new(void)
{
    for (unsigned index = 0; index < MAPPINGS_MAXIMUM; index++) {
        if (!mappings[index].pages) {
            return &mappings[index];
        }
    }
    errno = ENOMEM;
    return NULL;
}

static struct mapped *mapping_at(const uint8_t *address)
{
    for (unsigned index = 0; index < MAPPINGS_MAXIMUM; index++) {
        struct mapped *mapping = &mappings[index];

        if (mapping->pages && address >= mapping->start && address < mapping->start + mapping->pages * PAGE_BYTES) {
            return mapping;
        }
    }
    return NULL;
}

uint64_t glue_map_run(uint8_t *place, uint64_t pages, struct mapped **mapping)
{
    uint64_t run = pages;

    *mapping = mapping_at(place);
    if (*mapping) {
        run = (uint64_t)((*mapping)->start + (*mapping)->pages * PAGE_BYTES - place) / PAGE_BYTES;
        return run < pages ? run : pages;
    }
    for (unsigned index = 0; index < MAPPINGS_MAXIMUM; index++) {
        if (mappings[index].pages && mappings[index].start > place &&
            (uint64_t)(mappings[index].start - place) / PAGE_BYTES < run) {
            run = (uint64_t)(mappings[index].start - place) / PAGE_BYTES;
        }
    }
    return run;
}

int glue_map_check(const void *address, uint64_t pages)
{
    uint8_t *place = (uint8_t *)address;
    struct mapped *mapping;

    if (((uintptr_t)address & (PAGE_BYTES - 1)) || pages == 0) {
        return fail(EINVAL);
    }
    while (pages) {
        uint64_t run = glue_map_run(place, pages, &mapping);

        if (!mapping) {
            return fail(ENOMEM);
        }
        place += run * PAGE_BYTES;
        pages -= run;
    }
    return 0;
}

/* Give a memory up when no mapping of it is left. */
static void drop_unused(uint32_t memory)
{
    for (unsigned index = 0; index < MAPPINGS_MAXIMUM; index++) {
        if (mappings[index].pages && mappings[index].memory == memory) {
            return;
        }
    }
    pd_slot_drop(memory);
}

int glue_map_show(const struct mapped *mapping)
{
    if (mapping->rights && pd_map(SLOT_SELF_DOMAIN, mapping->memory, (uint64_t)mapping->start, mapping->first_page,
                                  mapping->pages, mapping->rights, 0) != PD_OK) {
        return fail(ENOMEM);
    }
    return 0;
}

/* Map a part of what a mapping was, with these rights. */
static int add_part(const struct mapped *whole, uint64_t skipped_pages, uint64_t pages, uint64_t rights)
{
    struct mapped *part;

    if (pages == 0) {
        return 0;
    }
    part = glue_map_new();
    if (!part) {
        return -1;
    }
    *part = *whole;
    part->start += skipped_pages * PAGE_BYTES;
    part->pages = pages;
    part->first_page += skipped_pages;
    part->rights = rights;
    if (glue_map_show(part) != 0) {
        part->pages = 0;
        return -1;
    }
    if (part->file) {
        part->file->references++;
    }
    return 0;
}

/*
 * Change `pages` pages at `address`, all inside one mapping: give them other rights, or remove them. The kernel
 * removes mappings whole, so what stays of it is mapped again.
 */
static int change_part(struct mapped *mapping, uint8_t *address, uint64_t pages, int remove, uint64_t rights)
{
    struct mapped whole = *mapping;
    uint64_t before = (uint64_t)(address - whole.start) / PAGE_BYTES;
    int result;

    if (whole.rights && pd_unmap(SLOT_SELF_DOMAIN, (uint64_t)whole.start, whole.pages) != PD_OK) {
        return fail(EINVAL);
    }
    mapping->pages = 0;
    result = add_part(&whole, 0, before, whole.rights);
    result |= remove ? 0 : add_part(&whole, before, pages, rights);
    result |= add_part(&whole, before + pages, whole.pages - before - pages, whole.rights);
    drop_unused(whole.memory);
    if (whole.file) {
        glue_file_release(whole.file);
    }
    return result;
}

int glue_map_change(void *address, uint64_t pages, int remove, uint64_t rights)
{
    uint8_t *place = address;
    struct mapped *mapping;

    while (pages) {
        uint64_t run = glue_map_run(place, pages, &mapping);

        if (mapping && change_part(mapping, place, run, remove, rights) != 0) {
            return -1;
        }
        place += run * PAGE_BYTES;
        pages -= run;
    }
    return 0;
}

/* ---- for who starts programs ---- */

uint32_t glue_mapping_memory(const void *start)
{
    for (unsigned index = 0; index < MAPPINGS_MAXIMUM; index++) {
        if (mappings[index].pages && mappings[index].start == start) {
            return mappings[index].memory;
        }
    }
    return 0;
}

int glue_region(unsigned index, struct region *region)
{
    const struct mapped *mapping = &mappings[index ? index - 1 : 0];

    *region = (struct region){.pages = 0};
    if (index > MAPPINGS_MAXIMUM) {
        return 0;
    }
    if (index > 0) {
        *region = (struct region){(uint64_t)mapping->start, mapping->pages,      mapping->rights,
                                  mapping->memory,          mapping->first_page, mapping->shared};
    } else if (!glue_heap_region(region)) {
        region->pages = 0;
    }
    return 1;
}

/* How many pages of a mapping of a file the file has; -1 and errno. */
static int64_t file_pages(const struct mapped *mapping)
{
    const struct fs_stat *status = pd_message();
    uint64_t first = mapping->offset + mapping->first_page * PAGE_BYTES;
    uint64_t pages;

    if (glue_result(glue_word_call(FS_FSTAT, mapping->file->handle, 0, 0)) < 0) {
        return -1;
    }
    pages = status->size > first ? pd_pages(status->size - first) : 0;
    return (int64_t)(pages < mapping->pages ? pages : mapping->pages);
}

/* Make the pages of a mapping be there. 0 or -1 and errno. */
static int fetch(const struct mapped *mapping)
{
    int64_t pages = mapping->file ? file_pages(mapping) : (int64_t)mapping->pages;

    if (pages < 0) {
        return -1;
    }
    if (!glue_quota_has((uint64_t)pages)) {
        return fail(ENOMEM);
    }
    for (int64_t page = 0; page < pages; page++) {
        (void)*(volatile const uint8_t *)(mapping->start + page * PAGE_BYTES);
    }
    return 0;
}

int glue_mappings_fork(void)
{
    for (const struct mapped *mapping = mappings; mapping < mappings + MAPPINGS_MAXIMUM; mapping++) {
        if (mapping->pages && mapping->rights && (mapping->file || mapping->shared) && fetch(mapping) != 0) {
            return -1;
        }
    }
    return 0;
}

void glue_mappings_forked(void)
{
    for (struct mapped *mapping = mappings; mapping < mappings + MAPPINGS_MAXIMUM; mapping++) {
        if (mapping->pages && mapping->file) {
            mapping->file->references--;
            mapping->file = NULL;
        }
    }
}

void glue_mappings_exec(void)
{
    for (struct mapped *mapping = mappings; mapping < mappings + MAPPINGS_MAXIMUM; mapping++) {
        if (mapping->pages && mapping->file) {
            glue_file_release(mapping->file);
            mapping->file = NULL;
        }
    }
}
