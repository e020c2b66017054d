/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the kernel's structures. Rule: whatever cannot be read ends the walk; nothing is assumed of what it holds. */
#include "kernel.h"

#include "machine.h"

#include <stdio.h>
#include <stdlib.h>

/* In the order of MEMBERS in faultinject/layout.py, after the table's address. */
enum member {
    SERVICES,
    SERVICE_DOMAIN,
    SERVICE_PORTALS,
    SERVICE_PORTAL,
    SERVICE_REGION,
    SERVICE_OPENED,
    SERVICE_OPENED_COUNT,
    SERVICE_PENDING_EVENTS,
    PORTAL_NEXT,
    PORTAL_SSR,
    SSR_MEMORY,
    MEMORY_PAGES,
    MEMORY_COMMITTED,
    MEMORY_PAGE_BYTES,
    MEMORY_PAGE,
    DOMAIN_QUOTA,
    DOMAIN_USED,
    MEMBERS
};

static uint64_t layout[MEMBERS];
static bool known;

bool kernel_layout_read(const char *option)
{
    unsigned count = 0;
    char *end;

    for (; count < MEMBERS; count++) {
        layout[count] = strtoull(option, &end, 0);
        if (end == option || (*end != '+' && *end)) {
            return false;
        }
        option = *end ? end + 1 : end;
    }
    known = *option == 0;
    return known;
}

bool kernel_layout_known(void)
{
    return known;
}

static uint64_t read_64(uint64_t address)
{
    uint64_t value = 0;

    return machine_read(address, &value, sizeof(value)) ? value : 0;
}

static unsigned read_32(uint64_t address)
{
    uint32_t value = 0;

    return machine_read(address, &value, sizeof(value)) ? value : 0;
}

uint64_t kernel_service(unsigned number)
{
    return known ? read_64(layout[SERVICES] + 8ull * number) : 0;
}

static bool region_read(uint64_t ssr, bool open, struct region *region)
{
    uint64_t memory = ssr + layout[SSR_MEMORY];

    if (!ssr) {
        return false;
    }
    region->pages = read_32(memory + layout[MEMORY_PAGES]);
    region->page_bytes = read_32(memory + layout[MEMORY_PAGE_BYTES]);
    region->committed = read_32(memory + layout[MEMORY_COMMITTED]) & 1;
    region->open = open;
    if (region->pages > REGION_PAGES_MAX) {
        return false;
    }
    for (unsigned i = 0; i < 2 * region->pages; i++) {
        unsigned copy = i / region->pages;
        unsigned page = i % region->pages;

        region->page[copy][page] =
            read_64(memory + layout[MEMORY_PAGE] + 8ull * (copy * REGION_PAGES_MAX + page));
    }
    return region->pages > 0;
}

/* An event and a recovery open regions one after the other; what they have written is theirs until they end. */
static bool opened(uint64_t service, uint64_t ssr)
{
    unsigned count = read_32(service + layout[SERVICE_OPENED_COUNT]);

    for (unsigned i = 0; i < count && i < REGIONS_MAX; i++) {
        if (read_64(service + layout[SERVICE_OPENED] + 8ull * i) == ssr) {
            return true;
        }
    }
    return false;
}

unsigned kernel_regions(uint64_t service, struct region regions[REGIONS_MAX])
{
    uint64_t serving = read_64(service + layout[SERVICE_PORTAL]);
    unsigned count = 0;

    if (region_read(read_64(service + layout[SERVICE_REGION]), true, &regions[count])) {
        count++;
    }
    for (uint64_t portal = read_64(service + layout[SERVICE_PORTALS]); portal && count < REGIONS_MAX;
         portal = read_64(portal + layout[PORTAL_NEXT])) {
        uint64_t ssr = read_64(portal + layout[PORTAL_SSR]);

        if (region_read(ssr, portal == serving || opened(service, ssr), &regions[count])) {
            count++;
        }
    }
    return count;
}

bool kernel_event_pend(uint64_t service, uint64_t bits)
{
    uint64_t address = service + layout[SERVICE_PENDING_EVENTS];
    uint64_t pending = read_64(address) | bits;

    return machine_write(address, &pending, sizeof(pending));
}

bool kernel_quota(uint64_t service, uint64_t *quota_address, uint64_t *used_address)
{
    uint64_t domain = read_64(service + layout[SERVICE_DOMAIN]);

    *quota_address = domain + layout[DOMAIN_QUOTA];
    *used_address = domain + layout[DOMAIN_USED];
    return domain != 0;
}
