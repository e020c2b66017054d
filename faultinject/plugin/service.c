/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services by address range and by name. */
#include "service.h"

#include "machine.h"

#include <stdio.h>
#include <string.h>

static struct {
    char name[sizeof(((struct service_view *)0)->name)];
    uint64_t low;
    uint64_t high;
    uint64_t reply;
    uint64_t replies;
    int entry; /* in the kernel's table; -1: not found yet */
} services[SERVICES_MAX];
static int added;

static uint64_t table_address;
static unsigned table_entries;

bool service_add(const char *option)
{
    if (added == SERVICES_MAX || sscanf(option, "%15[^:]:%lx:%lx:%lx", services[added].name, &services[added].low,
                                        &services[added].high, &services[added].reply) != 4) {
        return false;
    }
    services[added].entry = -1;
    added++;
    return true;
}

void service_observed_table(uint64_t address, unsigned entries)
{
    table_address = address;
    table_entries = entries;
}

int service_count(void)
{
    return added;
}

int service_by_name(const char *name)
{
    for (int i = 0; i < added; i++) {
        if (strcmp(services[i].name, name) == 0) {
            return i;
        }
    }
    return SERVICE_NONE;
}

int service_of_address(uint64_t address)
{
    for (int i = 0; i < added; i++) {
        if (address >= services[i].low && address < services[i].high) {
            return i;
        }
    }
    return SERVICE_NONE;
}

const char *service_name(int service)
{
    return service == SERVICE_NONE ? "" : services[service].name;
}

uint64_t *service_reply_counter(uint64_t address)
{
    int service = service_of_address(address);

    return service != SERVICE_NONE && services[service].reply == address ? &services[service].replies : NULL;
}

uint64_t service_replies(int service)
{
    return service == SERVICE_NONE ? 0 : services[service].replies;
}

static bool read_entry(unsigned entry, struct service_view *view)
{
    return machine_read(table_address + entry * sizeof(*view), view, sizeof(*view));
}

bool service_look(int service, struct service_view *view)
{
    if (service == SERVICE_NONE || table_address == 0) {
        return false;
    }
    if (services[service].entry >= 0) {
        return read_entry((unsigned)services[service].entry, view);
    }
    for (unsigned entry = 0; entry < table_entries; entry++) {
        if (read_entry(entry, view) && view->stage != 0 &&
            strncmp(view->name, services[service].name, sizeof(view->name)) == 0) {
            services[service].entry = (int)entry;
            return true;
        }
    }
    return false;
}

const volatile struct service_view *service_locate(int service)
{
    struct service_view view;
    uint64_t address;
    uint64_t physical;

    if (!service_look(service, &view)) {
        return NULL;
    }
    address = table_address + (uint64_t)services[service].entry * sizeof(view);
    if (!machine_physical(address, &physical)) {
        return NULL;
    }
    return (const volatile struct service_view *)machine_host_memory(physical, sizeof(view));
}
