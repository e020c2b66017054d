/* SPDX-License-Identifier: MIT */
/* Rule: absence is no error here: a machine without a payload, or a program that was given no bundle, still starts
 * what it can reach. */
#include "spawn/program.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/slots.h"

/* Whether the caller holds a capability of this type with these rights in `slot`. */
static int holds(uint32_t slot, uint64_t wanted_type, uint64_t wanted_rights)
{
    uint64_t type;
    uint64_t rights;
    uint64_t badge;

    return pd_identify(slot, &type, &rights, &badge) == PD_OK && type == wanted_type &&
           (rights & wanted_rights) == wanted_rights;
}

/* A bundle and where it is readable; bytes 0 if there is none. */
struct bundle {
    uint32_t memory_slot;
    uint64_t address;
    uint64_t bytes;
};

static struct bundle payload = {SLOT_PAYLOAD, PAYLOAD_ADDRESS, 0};
static struct bundle system_bundle = {SLOT_SYSTEM_BUNDLE, SYSTEM_BUNDLE_ADDRESS, 0};

static int opened;

static void open_bundle(struct bundle *bundle)
{
    uint64_t pages;
    uint64_t resident_pages;
    uint64_t physical_address;

    if (holds(bundle->memory_slot, OBJECT_MEMORY, RIGHT_USE) &&
        pd_memory_info(bundle->memory_slot, &pages, &resident_pages, &physical_address) == PD_OK &&
        pd_map(SLOT_SELF_DOMAIN, bundle->memory_slot, bundle->address, 0, pages, RIGHT_USE, 0) == PD_OK) {
        bundle->bytes = pages * PAGE_BYTES;
    }
}

void program_bundles(void)
{
    if (!opened) {
        open_bundle(&payload);
        open_bundle(&system_bundle);
        opened = 1;
    }
}

void program_bundles_forget(void)
{
    opened = 0;
    payload.bytes = system_bundle.bytes = 0;
}

uint64_t program_bundle_at(unsigned index, uint64_t *bytes)
{
    const struct bundle *bundle = index == 0 ? &payload : &system_bundle;

    *bytes = bundle->bytes;
    return bundle->address;
}

static int find(const struct bundle *bundle, const char *name, struct spawn_image *image)
{
    const struct bundle_entry *entry =
        bundle->bytes ? pd_bundle_find((const void *)bundle->address, bundle->bytes, name) : NULL;

    if (!entry) {
        return 0;
    }
    *image = (struct spawn_image){
        .memory_slot = bundle->memory_slot,
        .first_page = entry->offset_bytes / PAGE_BYTES,
        .mapped = (const void *)(bundle->address + entry->offset_bytes),
        .bytes = entry->size_bytes,
    };
    return 1;
}

static int same(const char *first, const char *second)
{
    while (*first && *first == *second) {
        first++;
        second++;
    }
    return *first == *second;
}

/* The images of services are in the system's bundle, and none is a program: `echo` on a disk must be found there. */
static int is_service_image(const char *name)
{
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        if (same(manifest_services[number].image, name)) {
            return 1;
        }
    }
    return 0;
}

int program_find(const char *name, struct spawn_image *image)
{
    program_bundles();
    return find(&payload, name, image) || (!is_service_image(name) && find(&system_bundle, name, image));
}

int program_find_system(const char *name, struct spawn_image *image)
{
    program_bundles();
    return find(&system_bundle, name, image);
}

#define SUPERVISION (RIGHT_USE | RIGHT_GRANT | RIGHT_SUPERVISE)

void program_end_supervision(void)
{
    for (uint32_t slot = SLOT_SERVICES; slot < SLOT_SERVICES + MANIFEST_SERVICES; slot++) {
        uint32_t kept;

        if (!holds(slot, OBJECT_SERVICE, RIGHT_SUPERVISE)) {
            continue;
        }
        kept = pd_slot_take();
        pd_copy(SLOT_SELF_DOMAIN, slot, SLOT_SELF_DOMAIN, kept, RIGHT_GRANT, 0);
        pd_delete(SLOT_SELF_DOMAIN, slot);
        if (manifest_services[slot - SLOT_SERVICES].for_programs) {
            pd_copy(SLOT_SELF_DOMAIN, kept, SLOT_SELF_DOMAIN, slot, RIGHT_GRANT, 0);
        }
        pd_slot_drop(kept);
    }
}

void program_capabilities(struct spawn_request *request, struct spawn_service services[PROGRAM_SERVICES],
                          struct spawn_capability capabilities[PROGRAM_CAPABILITIES], int supervisor)
{
    static const struct spawn_capability wanted_memories[] = {
        {SLOT_BOOT_INFO, SLOT_BOOT_INFO, RIGHT_USE | RIGHT_GRANT},
        {SLOT_SYSTEM_BUNDLE, SLOT_SYSTEM_BUNDLE, RIGHT_USE | RIGHT_EXECUTE | RIGHT_GRANT},
        {SLOT_PAYLOAD, SLOT_PAYLOAD, RIGHT_USE | RIGHT_EXECUTE | RIGHT_GRANT},
    };
    static const struct spawn_capability account = {SLOT_ACCOUNT, SLOT_ACCOUNT, RIGHT_USE | RIGHT_EXECUTE | RIGHT_GRANT};

    request->services = services;
    request->capabilities = capabilities;
    request->service_count = 0;
    request->capability_count = 0;
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        uint32_t slot = SLOT_SERVICES + number;
        int supervised = supervisor && holds(slot, OBJECT_SERVICE, SUPERVISION);

        if (manifest_services[number].for_programs && holds(slot, OBJECT_SERVICE, RIGHT_GRANT)) {
            services[request->service_count++] = (struct spawn_service){
                manifest_services[number].name, slot, manifest_services[number].portal_slot, 0};
            if (!supervised) {
                capabilities[request->capability_count++] = (struct spawn_capability){slot, slot, RIGHT_GRANT};
            }
        }
        if (supervised) {
            capabilities[request->capability_count++] = (struct spawn_capability){slot, slot, SUPERVISION};
        }
    }
    for (uint32_t index = 0; index < sizeof wanted_memories / sizeof wanted_memories[0]; index++) {
        if (holds(wanted_memories[index].source_slot, OBJECT_MEMORY, wanted_memories[index].rights)) {
            capabilities[request->capability_count++] = wanted_memories[index];
        }
    }
    if (holds(account.source_slot, OBJECT_DOMAIN, account.rights)) {
        capabilities[request->capability_count++] = account;
    }
}
