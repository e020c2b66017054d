/* SPDX-License-Identifier: MIT */
/*
 * Heap and mappings.
 *
 * Rule: the heap is one memory, mapped whole at its first use and charged page by page as it is touched; sbrk()
 * moves a mark and refuses what the quota could not pay. A mapping is a memory of its own; its address is never used
 * again for another, so a stale pointer faults.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "newlib/glue.h"
#include "newlib/mappings.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/slots.h"

#define HEAP_PAGES ((PROGRAM_HEAP_LIMIT - PROGRAM_HEAP) / PAGE_BYTES)
/* Kept free for page tables, the stack and kernel objects when the heap asks for more. */
#define RESERVE_PAGES 64
#define MAPPINGS_MAXIMUM 100

/* One mapping of the kernel's. Those that a partial munmap() or mprotect() has split share a memory. */
struct mapped {
    uint8_t *start;
    uint64_t pages; /* 0: a free entry */
    uint64_t first_page; /* of the memory */
    uint64_t rights; /* 0: the addresses are kept, but nothing may be done there */
    uint32_t memory;
};

static uint32_t heap_memory;
static uint8_t *heap_end; /* NULL before the first use */
static uint8_t *heap_paid; /* up to here the quota has been asked */
static struct mapped mappings[MAPPINGS_MAXIMUM];
static uint64_t map_next = PROGRAM_MAP;

/* Pages of the quota that are not in use. */
static uint64_t quota_left(void)
{
    uint64_t quota_pages;
    uint64_t used_pages;
    uint64_t threads;
    uint64_t name;

    if (pd_domain_info(SLOT_SELF_DOMAIN, &quota_pages, &used_pages, &threads, &name) != PD_OK ||
        quota_pages < used_pages + RESERVE_PAGES) {
        return 0;
    }
    return quota_pages - used_pages - RESERVE_PAGES;
}

static int heap_start(void)
{
    uint32_t memory = pd_slot_take();

    if (pd_create_memory(SLOT_SELF_DOMAIN, memory, HEAP_PAGES, 0) != PD_OK) {
        pd_slot_give(memory);
        return -1;
    }
    if (pd_map(SLOT_SELF_DOMAIN, memory, PROGRAM_HEAP, 0, HEAP_PAGES, RIGHT_USE | RIGHT_WRITE, 0) != PD_OK) {
        pd_slot_drop(memory);
        return -1;
    }
    heap_memory = memory;
    heap_end = (uint8_t *)PROGRAM_HEAP;
    heap_paid = heap_end;
    return 0;
}

void *sbrk(ptrdiff_t change)
{
    uint8_t *before;

    if (!heap_end && heap_start() != 0) {
        errno = ENOMEM;
        return (void *)-1;
    }
    before = heap_end;
    if ((change > 0 && (uint64_t)change > PROGRAM_HEAP_LIMIT - (uint64_t)heap_end) ||
        (change < 0 && (uint64_t)-change > (uint64_t)heap_end - PROGRAM_HEAP)) {
        errno = ENOMEM;
        return (void *)-1;
    }
    if (before + change > heap_paid) {
        if (pd_pages((uint64_t)(before + change - heap_paid)) > quota_left()) {
            errno = ENOMEM;
            return (void *)-1;
        }
        heap_paid = before + change;
    }
    heap_end = before + change;
    return before;
}

static uint64_t rights_of(int protection)
{
    return (protection & PROT_READ ? RIGHT_USE : 0) | (protection & PROT_WRITE ? RIGHT_USE | RIGHT_WRITE : 0) |
           (protection & PROT_EXEC ? RIGHT_USE | RIGHT_EXECUTE : 0);
}

/* A free entry of the table; NULL and ENOMEM. */
static struct mapped *mapping_new(void)
{
    for (unsigned index = 0; index < MAPPINGS_MAXIMUM; index++) {
        if (!mappings[index].pages) {
            return &mappings[index];
        }
    }
    errno = ENOMEM;
    return NULL;
}

/* Fill a fresh mapping with the file's bytes; past its end stay zeros. */
static int fill(uint8_t *start, size_t bytes, int fd, off_t offset)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t got = pread(fd, start + done, bytes - done, offset + (off_t)done);

        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return 0;
}

/* Make the memory and map it writable; the mapping gets its final protection when it has been filled. */
static int map_memory(struct mapped *mapping, uint64_t pages, uint64_t rights)
{
    mapping->memory = pd_slot_take();
    if (pages > quota_left() || pd_create_memory(SLOT_SELF_DOMAIN, mapping->memory, pages, 0) != PD_OK) {
        pd_slot_give(mapping->memory);
        errno = ENOMEM;
        return -1;
    }
    if (rights && pd_map(SLOT_SELF_DOMAIN, mapping->memory, map_next, 0, pages, rights, 0) != PD_OK) {
        pd_slot_drop(mapping->memory);
        errno = ENOMEM;
        return -1;
    }
    mapping->start = (uint8_t *)map_next;
    mapping->pages = pages;
    mapping->first_page = 0;
    mapping->rights = rights;
    map_next += (pages + 1) * PAGE_BYTES;
    return 0;
}

/* Why a request for a mapping is refused: an errno, 0 if it is not. */
static int refusal(size_t bytes, int protection, int flags)
{
    if (bytes == 0 || (!(flags & MAP_PRIVATE) && !(flags & MAP_SHARED))) {
        return EINVAL;
    }
    if (flags & MAP_FIXED) {
        return ENOTSUP;
    }
    if (!(flags & MAP_ANONYMOUS) && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {
        return ENODEV;
    }
    if ((protection & PROT_WRITE) && (protection & PROT_EXEC)) {
        return EACCES;
    }
    return 0;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    struct mapped *mapping;
    uint64_t pages = pd_pages(bytes);
    int reason = refusal(bytes, protection, flags);
    int from_file = !(flags & MAP_ANONYMOUS);

    (void)address;
    if (reason) {
        errno = reason;
        return MAP_FAILED;
    }
    mapping = mapping_new();
    if (!mapping || map_memory(mapping, pages, from_file ? RIGHT_USE | RIGHT_WRITE : rights_of(protection)) != 0) {
        return MAP_FAILED;
    }
    if (from_file && (fill(mapping->start, bytes, fd, offset) != 0 ||
                      mprotect(mapping->start, bytes, protection) != 0)) {
        reason = errno;
        munmap(mapping->start, bytes);
        errno = reason;
        return MAP_FAILED;
    }
    return mapping->start;
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

/* Whether every page of a range is mapped: 0, or -1 and errno. */
static int check_range(const void *address, uint64_t pages)
{
    const uint8_t *place = address;

    if (((uintptr_t)address & (PAGE_BYTES - 1)) || pages == 0) {
        errno = EINVAL;
        return -1;
    }
    while (pages) {
        const struct mapped *mapping = mapping_at(place);
        uint64_t covered = mapping ? (uint64_t)(mapping->start + mapping->pages * PAGE_BYTES - place) / PAGE_BYTES : 0;

        if (!covered) {
            errno = ENOMEM;
            return -1;
        }
        covered = covered < pages ? covered : pages;
        place += covered * PAGE_BYTES;
        pages -= covered;
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

/* Map a part of what a mapping was, with these rights. */
static int add_part(const struct mapped *whole, uint64_t skipped_pages, uint64_t pages, uint64_t rights)
{
    struct mapped *part;

    if (pages == 0) {
        return 0;
    }
    part = mapping_new();
    if (!part) {
        return -1;
    }
    *part = (struct mapped){whole->start + skipped_pages * PAGE_BYTES, pages, whole->first_page + skipped_pages, rights,
                            whole->memory};
    if (rights && pd_map(SLOT_SELF_DOMAIN, part->memory, (uint64_t)part->start, part->first_page, pages, rights, 0) !=
                      PD_OK) {
        part->pages = 0;
        errno = ENOMEM;
        return -1;
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
        errno = EINVAL;
        return -1;
    }
    mapping->pages = 0;
    result = add_part(&whole, 0, before, whole.rights);
    result |= remove ? 0 : add_part(&whole, before, pages, rights);
    result |= add_part(&whole, before + pages, whole.pages - before - pages, whole.rights);
    drop_unused(whole.memory);
    return result;
}

static int change(void *address, size_t bytes, int remove, uint64_t rights)
{
    uint64_t pages = pd_pages(bytes);
    uint8_t *place = address;

    if (check_range(address, pages) != 0) {
        return -1;
    }
    while (pages) {
        struct mapped *mapping = mapping_at(place);
        uint64_t part = (uint64_t)(mapping->start + mapping->pages * PAGE_BYTES - place) / PAGE_BYTES;

        part = part < pages ? part : pages;
        if (change_part(mapping, place, part, remove, rights) != 0) {
            return -1;
        }
        place += part * PAGE_BYTES;
        pages -= part;
    }
    return 0;
}

int munmap(void *address, size_t bytes)
{
    return change(address, bytes, 1, 0);
}

int mprotect(void *address, size_t bytes, int protection)
{
    if ((protection & PROT_WRITE) && (protection & PROT_EXEC)) {
        errno = EACCES;
        return -1;
    }
    return change(address, bytes, 0, rights_of(protection));
}

int msync(void *address, size_t bytes, int flags)
{
    (void)flags;
    return check_range(address, pd_pages(bytes));
}

int madvise(void *address, size_t bytes, int advice)
{
    (void)address;
    (void)bytes;
    (void)advice;
    return 0;
}

int posix_madvise(void *address, size_t bytes, int advice)
{
    return madvise(address, bytes, advice);
}

int mlock(const void *address, size_t bytes)
{
    (void)address;
    (void)bytes;
    return 0;
}

int munlock(const void *address, size_t bytes)
{
    return mlock(address, bytes);
}

int getrlimit(int resource, struct rlimit *answer)
{
    uint64_t quota_pages = 0;
    uint64_t used_pages;
    uint64_t threads;
    uint64_t name;

    answer->rlim_cur = RLIM_INFINITY;
    switch (resource) {
    case RLIMIT_DATA:
    case RLIMIT_AS:
        if (pd_domain_info(SLOT_SELF_DOMAIN, &quota_pages, &used_pages, &threads, &name) == PD_OK) {
            answer->rlim_cur = quota_pages * PAGE_BYTES;
        }
        break;
    case RLIMIT_STACK:
        answer->rlim_cur = PROGRAM_STACK_BYTES;
        break;
    case RLIMIT_NOFILE:
        answer->rlim_cur = GLUE_DESCRIPTORS;
        break;
    case RLIMIT_CORE:
        answer->rlim_cur = 0;
        break;
    default:
        break;
    }
    answer->rlim_max = answer->rlim_cur;
    return 0;
}

int setrlimit(int resource, const struct rlimit *limit)
{
    (void)resource;
    (void)limit;
    errno = EPERM;
    return -1;
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    void *place;

    if (alignment < sizeof(void *) || (alignment & (alignment - 1))) {
        return EINVAL;
    }
    place = memalign(alignment, bytes);
    if (!place) {
        return ENOMEM;
    }
    *block = place;
    return 0;
}

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

    *region = (struct region){.start = PROGRAM_HEAP, .rights = RIGHT_USE | RIGHT_WRITE, .memory = heap_memory};
    if (index > MAPPINGS_MAXIMUM) {
        return 0;
    }
    if (index > 0) {
        *region = (struct region){(uint64_t)mapping->start, mapping->pages,      mapping->rights,
                                  mapping->memory,          mapping->first_page, mapping->pages};
    } else if (heap_end) {
        region->pages = HEAP_PAGES;
        region->used_pages = pd_pages((uint64_t)(heap_end - (uint8_t *)PROGRAM_HEAP));
    }
    return 1;
}
