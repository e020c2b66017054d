/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rule: a store is only noted if it is the kernel's and not into the kernel's own code, so that nothing of the page runs
 * before the kernel is left; any other goes QEMU's way. Locks on pages are for other threads: there are none, and taking
 * them took longer the more blocks a page has.
 */
#include "rewritten.h"

#include "machine.h"
#include "redirect.h"
#include "switches.h"
#include "symbols.h"

#include <string.h>

enum { PAGE_BYTES = 4096, PAGES_MAX = 8 };

struct page_collection;

static struct page_collection *(*lock_pages)(uint64_t start, uint64_t end);
static void (*invalidate_store)(struct page_collection *, uint64_t start, int length_bytes, uintptr_t return_address);
static void (*invalidate)(uint64_t start, uint64_t end);

static uint64_t memory_offset;
static bool begun;
static struct noted {
    uint64_t physical;
    uint8_t before[PAGE_BYTES];
} noted[PAGES_MAX];
static unsigned noted_count;

/* In the place of QEMU's page_collection_lock(): what is to be given back later is a lock on memory without code. */
static struct page_collection *lock(uint64_t start, uint64_t end)
{
    uint64_t without_code = memory_offset + machine_memory_bytes() - PAGE_BYTES;

    return begun ? lock_pages(without_code, without_code) : lock_pages(start, end);
}

static bool note(uint64_t page_physical)
{
    const uint8_t *page = machine_host_memory(page_physical, PAGE_BYTES);

    for (unsigned i = 0; i < noted_count; i++) {
        if (noted[i].physical == page_physical) {
            return true;
        }
    }
    if (!page || noted_count == PAGES_MAX) {
        return false;
    }
    noted[noted_count].physical = page_physical;
    memcpy(noted[noted_count++].before, page, PAGE_BYTES);
    return true;
}

/* In the place of QEMU's tb_invalidate_phys_page_fast(), which is called before a store into a page with blocks. */
static void store(struct page_collection *pages, uint64_t start, int length_bytes, uintptr_t return_address)
{
    uint64_t physical = start - memory_offset;
    uint64_t page = physical & ~(uint64_t)(PAGE_BYTES - 1);

    if (!begun || machine_privilege() != 0 || switches_kernel_code(physical) ||
        physical + (uint64_t)length_bytes > page + PAGE_BYTES || !note(page)) {
        invalidate_store(pages, start, length_bytes, return_address);
    }
}

bool rewritten_noted(void)
{
    return noted_count > 0;
}

void rewritten_settle(void)
{
    for (unsigned i = 0; i < noted_count; i++) {
        const uint8_t *page = machine_host_memory(noted[i].physical, PAGE_BYTES);
        uint64_t address = noted[i].physical + memory_offset;
        unsigned at = 0;

        while (at < PAGE_BYTES) {
            unsigned start = at;

            while (at < PAGE_BYTES && page[at] != noted[i].before[at]) {
                at++;
            }
            if (at > start) {
                invalidate(address + start, address + at);
            }
            at++;
        }
    }
    noted_count = 0;
}

bool rewritten_prepare(void)
{
    void *lock_found = symbol_find("page_collection_lock");
    void *store_found = symbol_find("tb_invalidate_phys_page_fast");
    void *invalidate_found = symbol_find("tb_invalidate_phys_range");

    if (!lock_found || !store_found || !invalidate_found || !switches_kernel_code_known() ||
        !machine_memory_offset(&memory_offset)) {
        return false;
    }
    memcpy(&invalidate, &invalidate_found, sizeof(invalidate));
    lock_found = redirect_and_keep(lock_found, (void *)(uintptr_t)lock);
    memcpy(&lock_pages, &lock_found, sizeof(lock_pages));
    store_found = lock_found ? redirect_and_keep(store_found, (void *)(uintptr_t)store) : NULL;
    memcpy(&invalidate_store, &store_found, sizeof(invalidate_store));
    return lock_found && store_found;
}

void rewritten_begin(void)
{
    begun = invalidate_store != NULL;
}
