/* SPDX-License-Identifier: MIT */
/*
 * The heap, and what may be had of memory.
 *
 * Rule: the heap is one memory, mapped whole at its first use and charged page by page as it is touched; sbrk()
 * moves a mark and refuses what the quota could not pay.
 */
#include <malloc.h>
#include <stdlib.h>
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

static uint32_t heap_memory;
static uint8_t *heap_end; /* NULL before the first use */
static uint8_t *heap_paid; /* up to here the quota has been asked */

/*
 * What has ended is taken apart when nothing else is to do, or when a call of the kernel finds no quota: such a call is made here,
 * for a domain of that size, which goes back at once.
 */
int glue_quota_has(uint64_t pages)
{
    uint64_t quota_pages, used_pages, ignored;
    uint32_t domain;
    int64_t status = pd_domain_info(SLOT_SELF_DOMAIN, &quota_pages, &used_pages, &ignored, &ignored);

    if (status == PD_OK && quota_pages >= used_pages + RESERVE_PAGES && pages <= quota_pages - used_pages - RESERVE_PAGES) {
        return 1;
    }
    domain = pd_slot_take();
    status = pd_create_domain(SLOT_SELF_DOMAIN, domain, pages + RESERVE_PAGES);
    pd_slot_drop(domain);
    return status == PD_OK;
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
        if (!glue_quota_has(pd_pages((uint64_t)(before + change - heap_paid)))) {
            errno = ENOMEM;
            return (void *)-1;
        }
        heap_paid = before + change;
    }
    heap_end = before + change;
    return before;
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

int glue_heap_region(struct region *region)
{
    *region = (struct region){.start = PROGRAM_HEAP, .pages = HEAP_PAGES, .rights = RIGHT_USE | RIGHT_WRITE,
                              .memory = heap_memory};
    return heap_end != NULL;
}
