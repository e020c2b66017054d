/* SPDX-License-Identifier: MIT */
/*
 * From the manifest to running services.
 *
 * Rule: all services exist before the monitor runs, and the monitor runs before the first of them starts; each service is
 * bound to what it calls before it starts, and what it calls has started before it.
 */
#include "init.h"
#include "elf/elf.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/service.h"
#include "servers/common/server.h"
#include "spawn/program.h"

#define SERVICE_SPACE_BYTES 0x01000000u /* from each base of the manifest */

static uint32_t service_slot(uint32_t number)
{
    return SLOT_SERVICES + number;
}

static uint32_t domain_slot(uint32_t number)
{
    return SLOT_SERVICE_DOMAINS + number;
}

int service_present(uint32_t number)
{
    static uint32_t present; /* bit n: the service with number n */
    struct spawn_image list;
    const char *line;

    if (present) {
        return present >> number & 1;
    }
    if (!program_find_system("system", &list)) {
        init_fail("finding the list of services", "the system", PD_BAD_ARGUMENT);
    }
    for (line = list.mapped; line < (const char *)list.mapped + list.bytes; line++) {
        const char *name = line;

        while (*line != '\n') {
            line++;
        }
        for (uint32_t index = 0; index < MANIFEST_SERVICES; index++) {
            const char *known = manifest_services[index].name;

            if (known && strlen(known) == (size_t)(line - name) && memcmp(known, name, strlen(known)) == 0) {
                present |= 1u << index;
            }
        }
    }
    return present >> number & 1;
}

/* One segment of the image; its kind follows from its protection and from having bytes in the file. */
static void add_segment(const struct manifest_service *service, const struct spawn_image *image,
                        const struct elf_segment *segment)
{
    uint64_t kind = SEGMENT_CODE;
    uint64_t pages = pd_pages(segment->memory_bytes);
    uint32_t memory = image->memory_slot;

    if (segment->protection & ELF_SCRATCH) {
        kind = SEGMENT_SCRATCH;
    } else if (segment->protection & ELF_WRITE) {
        kind = segment->file_bytes ? SEGMENT_DATA : SEGMENT_ZERO;
    }
    if (kind == SEGMENT_ZERO || kind == SEGMENT_SCRATCH) {
        memory = 0;
    }
    init_check(pd_service_add_segment(service_slot(service->number), segment->address, pages, kind, memory,
                                      image->first_page + segment->offset_bytes / PAGE_BYTES, segment->file_bytes),
               "adding a segment", service->name);
}

/* The pristine image: in the system bundle, under the manifest's name. */
static void load_image(const struct manifest_service *service)
{
    struct elf_program program;
    struct spawn_image image;
    const char *reason;

    if (!program_find_system(service->image, &image)) {
        init_fail("finding the image", service->name, PD_BAD_ARGUMENT);
    }
    reason = elf_read(image.mapped, image.bytes, service->base, service->base + SERVICE_SPACE_BYTES, &program);
    if (reason) {
        server_log("init: image %s: %s", service->image, reason);
        init_fail("reading the image", service->name, PD_BAD_ARGUMENT);
    }
    for (uint32_t index = 0; index < program.count; index++) {
        add_segment(service, &image, &program.segment[index]);
    }
    init_check(pd_service_set_entries(service_slot(service->number), program.entry,
                                      program.entry + RECOVERED_ENTRY_OFFSET, 0),
               "setting the entries", service->name);
}

static void set_ranges(const struct manifest_service *service, const struct ssr_range *ranges, uint32_t count,
                       uint64_t target)
{
    if (count) {
        memcpy((void *)WINDOW_MESSAGE, ranges, count * sizeof *ranges);
        init_check(pd_service_set_ranges(service_slot(service->number), count, target), "setting valid ranges",
                   service->name);
    }
}

/* Number, name and priority. */
static void identify(const struct manifest_service *service)
{
    char name[16] = {0};
    uint64_t word[2];

    for (unsigned index = 0; index < sizeof name && service->name[index]; index++) {
        name[index] = service->name[index];
    }
    memcpy(word, name, sizeof word);
    init_check(pd_invoke_4(service_slot(service->number), SERVICE_SET_IDENTITY, service->number, word[0], word[1],
                           service->kind == MANIFEST_MONITOR),
               "naming", service->name);
    init_check(pd_invoke_4(service_slot(service->number), SERVICE_SET_SCHEDULING, service->priority, 0, 0, 0),
               "setting the priority", service->name);
    if (service->priority_limit) {
        init_check(pd_set_priority_limit(domain_slot(service->number), service->priority_limit),
                   "setting the priority limit", service->name);
    }
    pd_set_name(domain_slot(service->number), service->name);
}

/* What every domain of a service has: itself, its service object, the boot page, its devices. */
static void furnish(const struct manifest_service *service)
{
    uint32_t domain = domain_slot(service->number);

    init_check(pd_copy(SLOT_SELF_DOMAIN, domain, domain, SLOT_SELF_DOMAIN, RIGHT_USE | RIGHT_MANAGE, 0),
               "naming itself to", service->name);
    init_check(pd_copy(SLOT_SELF_DOMAIN, service_slot(service->number), domain, SLOT_SERVICE, RIGHT_SERVE, 0),
               "its service object", service->name);
    init_check(pd_map(domain, SLOT_BOOT_INFO, BOOT_INFO_ADDRESS, 0, 1, RIGHT_USE, 0), "mapping the boot page",
               service->name);
    devices_give(service, domain);
}

static void make(const struct manifest_service *service)
{
    uint32_t domain = domain_slot(service->number);

    init_check(pd_create_domain(SLOT_SELF_DOMAIN, domain, service->quota_pages), "the domain", service->name);
    init_check(pd_create_service(domain, service_slot(service->number), domain, service->ssr_bytes,
                                 service->region_bytes, service->outbox_pages, service->hang_limit_us),
               "the service", service->name);
    identify(service);
    load_image(service);
    set_ranges(service, service->ssr_ranges, service->ssr_range_count, 0);
    set_ranges(service, service->region_ranges, service->region_range_count, 1);
    furnish(service);
}

/* Bind a service to all that it calls. */
static void bind_calls(const struct manifest_service *service)
{
    uint64_t binding;

    for (uint32_t callee = 0; callee < MANIFEST_SERVICES; callee++) {
        if (service->calls & 1u << callee) {
            init_check(pd_service_bind(service_slot(callee), domain_slot(service->number),
                                       manifest_services[callee].portal_slot, service->number, &binding),
                       "binding a callee", service->name);
        }
    }
}

/* The monitor supervises all others, by capabilities that can do nothing else. */
static void start_monitor(const struct manifest_service *monitor)
{
    uint32_t domain = domain_slot(monitor->number);

    init_check(pd_create_notification(SLOT_SELF_DOMAIN, SLOT_SCRATCH), "the notification", monitor->name);
    init_check(pd_copy(SLOT_SELF_DOMAIN, SLOT_SCRATCH, domain, SLOT_NOTIFICATION, RIGHT_USE | RIGHT_WRITE, 0),
               "the notification", monitor->name);
    pd_delete(SLOT_SELF_DOMAIN, SLOT_SCRATCH);
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        if (manifest_services[number].kind == MANIFEST_SERVICE && service_present(number)) {
            init_check(pd_copy(SLOT_SELF_DOMAIN, service_slot(number), domain, service_slot(number),
                               RIGHT_USE | RIGHT_SUPERVISE, 0),
                       "supervision", manifest_services[number].name);
        }
    }
    init_check(pd_service_start(service_slot(monitor->number)), "starting", monitor->name);
}

void services_start(void)
{
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        if (manifest_services[number].kind != MANIFEST_ROOT && service_present(number)) {
            make(&manifest_services[number]);
        }
    }
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        if (manifest_services[number].kind == MANIFEST_MONITOR) {
            start_monitor(&manifest_services[number]);
        }
    }
    for (uint32_t index = 0; index < MANIFEST_START_ORDER; index++) {
        const struct manifest_service *service = &manifest_services[manifest_start_order[index]];

        if (service_present(service->number)) {
            bind_calls(service);
            devices_connect(service, domain_slot(service->number));
            init_check(pd_service_start(service_slot(service->number)), "starting", service->name);
        }
    }
}
