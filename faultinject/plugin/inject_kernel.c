/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Faults in what the kernel keeps for a service: its server state regions, its notification, its quota. */
#include "inject.h"

#include "kernel.h"
#include "watch.h"
#include "watch_memory.h"

enum { COPY_MASK = 0xff, SERVICE_SHIFT = 8, PAGE_MASK = 4095 };

static struct region regions[REGIONS_MAX];
static unsigned damaged_service; /* its number */

/* A page that is a region's no longer may be anything of the kernel's. */
static bool is_still_a_region(uint64_t physical)
{
    uint64_t service = kernel_service(damaged_service);
    unsigned count = service ? kernel_regions(service, regions) : 0;
    uint64_t page;

    for (unsigned i = 0; i < 2 * REGION_PAGES_MAX * count; i++) {
        const struct region *region = &regions[i / (2 * REGION_PAGES_MAX)];
        unsigned number = i / 2 % REGION_PAGES_MAX;

        if (number < region->pages && machine_physical(region->page[i % 2][number], &page) &&
            page == (physical & ~(uint64_t)PAGE_MASK)) {
            return true;
        }
    }
    return false;
}

/* The copy of a region that holds what is wanted, or -1. */
static int copy_wanted(const struct region *region, enum copy copy)
{
    if (copy == COPY_COMMITTED) {
        return (int)region->committed;
    }
    return region->open == (copy == COPY_IN_USE) ? (int)(region->committed ^ 1) : -1;
}

static uint64_t region_bytes(const struct region *region, enum copy copy)
{
    return copy_wanted(region, copy) < 0 ? 0 : (uint64_t)region->pages * region->page_bytes;
}

/* One byte among all bytes of all regions that have such a copy. */
void inject_region(struct experiment_record *record, uint64_t which, const struct damage *damage)
{
    uint64_t service = kernel_service((unsigned)(which >> SERVICE_SHIFT));
    enum copy copy = (enum copy)(which & COPY_MASK);
    unsigned count = service ? kernel_regions(service, regions) : 0;
    uint64_t bytes = 0;
    uint64_t place;

    damaged_service = (unsigned)(which >> SERVICE_SHIFT);
    record->activation = ACTIVATION_IMPOSSIBLE;
    for (unsigned i = 0; i < count; i++) {
        bytes += region_bytes(&regions[i], copy);
    }
    if (bytes == 0) {
        return;
    }
    place = damage_place(damage, bytes);
    for (unsigned i = 0; i < count; i++) {
        const struct region *region = &regions[i];
        uint64_t own = region_bytes(region, copy);
        uint64_t physical;

        if (place >= own) {
            place -= own;
            continue;
        }
        record->address = region->page[copy_wanted(region, copy)][place / region->page_bytes] +
                          place % region->page_bytes;
        if (machine_physical(record->address, &physical)) {
            record->activation = ACTIVATION_NOT_SEEN;
            inject_bytes(record, physical, damage, is_still_a_region);
        }
        return;
    }
}

/* The event that is being delivered comes once more after it. */
void inject_event_again(struct experiment_record *record, uint64_t number)
{
    uint64_t service = kernel_service((unsigned)number);
    uint64_t bits = machine_register(RDI);

    record->address = REGISTER_RIP;
    record->after = bits;
    if (!service || bits == 0 || !kernel_event_pend(service, bits)) {
        record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    results_activation(record, ACTIVATION_USED);
}

/* Used up: as when all of it had been given away. */
void inject_quota(struct experiment_record *record, uint64_t number)
{
    uint64_t service = kernel_service((unsigned)number);
    uint64_t quota_address;
    uint64_t used_address;
    uint64_t physical;

    if (!service || !kernel_quota(service, &quota_address, &used_address) ||
        !machine_read(quota_address, &record->before, 8) || !machine_read(used_address, &record->after, 8) ||
        !machine_physical(quota_address, &physical) || record->before == record->after) {
        record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    record->address = quota_address;
    machine_write(quota_address, &record->after, 8);
    watch_memory(record, physical, 8);
}
