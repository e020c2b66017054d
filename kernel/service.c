/* SPDX-License-Identifier: MIT */
/* Services: making them, binding clients, ending bindings. See service.h. */
#include "kernel/service.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/notification.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"

#define HANG_LIMIT_TICKS_MINIMUM 2u /* one tick may fall on any instant of a transaction */
#define OBSERVED_NOWHERE 0u         /* entry 0 of the table is nobody's */

struct observed_service observed_services[OBSERVED_SERVICES];

void service_set_stage(struct service *service, uint32_t stage)
{
    service->stage = stage;
    if (service->number == OBSERVED_NOWHERE)
        return;
    service->observed->stage = stage;
    service->observed->incarnation = service->incarnation;
    service->observed->restarts = service->incarnation ? service->incarnation - 1 : 0;
    service->observed->cr3 = service->domain->root;
}

struct ssr *ssr_create(struct domain *payer, uint32_t bytes, const struct ssr_layout *layout)
{
    struct ssr *ssr = object_create(payer, OBJECT_SSR, sizeof(*ssr));

    if (!ssr)
        return NULL;
    ssr->memory.pages = ssr_page_count(bytes);
    for (uint32_t copy = 0; copy < 2; copy++) {
        for (uint32_t i = 0; i < ssr->memory.pages; i++) {
            uint64_t frame = frame_allocate_zeroed(payer);

            if (!frame) {
                ssr_free(ssr);
                object_release(&ssr->object);
                return NULL;
            }
            ssr->memory.page[copy][i] = physical_to_pointer(frame);
            ssr->entry[copy][i] = frame | PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_NO_EXECUTE | PTE_ACCESSED;
        }
    }
    ssr_initialise(&ssr->memory, bytes, layout);
    return ssr;
}

void ssr_free(struct ssr *ssr)
{
    for (uint32_t copy = 0; copy < 2; copy++) {
        for (uint32_t i = 0; i < ssr->memory.pages; i++) {
            if (ssr->memory.page[copy][i])
                frame_free(ssr->object.payer, pointer_to_physical(ssr->memory.page[copy][i]));
            ssr->memory.page[copy][i] = NULL;
        }
    }
    ssr->object.dead = 1;
}

static bool outbox_make(struct service *service, uint32_t pages)
{
    struct domain *domain = service->domain;

    if (!pages)
        return true;
    service->outbox = memory_create(domain, pages);
    for (uint32_t i = 0; service->outbox && i < pages; i++) {
        uint64_t frame = memory_populate(service->outbox, i);
        uint64_t *entry = mmu_entry(domain->root, WINDOW_OUTBOX + (uint64_t)i * PAGE_BYTES, true, domain);

        if (!frame || !entry)
            return false;
        *entry = frame | PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_NO_EXECUTE;
    }
    return service->outbox;
}

static bool service_furnish(struct service *service, uint32_t region_bytes, uint32_t outbox_pages)
{
    struct domain *domain = service->domain;
    struct capability *self;

    service->context = sched_context_create(domain);
    service->layout = kernel_allocate(domain, 2 * sizeof(*service->layout));
    service->worker = service->context && service->layout ? thread_create(domain) : NULL;
    if (!service->worker)
        return false;
    if (capability_reserve(&domain->table, domain, SLOT_SELF_THREAD, &self) != PD_OK)
        return false;
    capability_fill(self, &service->worker->object, RIGHT_USE, 0, NULL); /* the reference that is left is the service's */
    if (region_bytes) {
        service->region = ssr_create(domain, region_bytes, &service->layout[1]);
        if (!service->region)
            return false;
        window_map(service->window + WINDOW_REGION_ENTRY, service->region);
    }
    return outbox_make(service, outbox_pages);
}

struct service *service_create(struct domain *payer, struct domain *domain, uint32_t ssr_bytes,
                               uint32_t region_bytes, uint32_t outbox_pages, uint32_t hang_limit_us, int64_t *status)
{
    struct service *service = kernel_allocate(payer, sizeof(*service));

    *status = PD_NO_QUOTA;
    if (!service)
        return NULL;
    service->object = (struct object){.type = OBJECT_SERVICE, .references = 1, .payer = payer};
    object_hold(&payer->object);
    object_hold(&domain->object);
    service->domain = domain;
    service->window = domain->window;
    service->ssr_bytes = ssr_bytes;
    service->hang_limit_ticks = hang_limit_us / (TICK_NS / 1000);
    if (service->hang_limit_ticks < HANG_LIMIT_TICKS_MINIMUM)
        service->hang_limit_ticks = HANG_LIMIT_TICKS_MINIMUM;
    service->observed = &observed_services[OBSERVED_NOWHERE];
    if (!service_furnish(service, region_bytes, outbox_pages)) {
        domain_finish(domain, DOMAIN_KILLED, 0); /* what was made so far goes with the domain */
        object_release(&service->object);
        return NULL;
    }
    service->worker->service = service;
    domain->service = service;
    *status = PD_OK;
    return service;
}

struct portal *service_portal(struct service *service, uint64_t binding)
{
    struct portal *portal = service->portals;

    while (portal && portal->binding != binding)
        portal = portal->service_next;
    return portal;
}

int64_t service_bind(struct service *service, struct domain *client, uint64_t slot, uint32_t badge, uint64_t *binding)
{
    struct capability *capability;
    struct portal *portal;
    int64_t status;

    if (service->stage == STAGE_GIVEN_UP || client->state != DOMAIN_ALIVE)
        return PD_DEAD;
    status = capability_reserve(&client->table, client, slot, &capability);
    if (status != PD_OK)
        return status;
    portal = object_create(client, OBJECT_PORTAL, sizeof(*portal));
    if (!portal)
        return PD_NO_QUOTA;
    if (service->ssr_bytes) {
        portal->ssr = ssr_create(client, service->ssr_bytes, &service->layout[0]);
        if (!portal->ssr) {
            object_release(&portal->object);
            return PD_NO_QUOTA;
        }
        portal->ssr->portal = portal;
    }
    portal->service = service;
    object_hold(&service->object);
    portal->client = client;
    portal->binding = ++service->next_binding;
    if (service->portals)
        service->portals_tail->service_next = portal;
    else
        service->portals = portal;
    service->portals_tail = portal;
    service->portal_count++;
    portal->client_next = client->bindings;
    client->bindings = portal;
    object_hold(&portal->object); /* the service's list is a reference, too */
    capability_fill(capability, &portal->object, RIGHT_USE, badge, NULL);
    object_release(&portal->object);
    *binding = portal->binding;
    return PD_OK;
}

static void leave_client(struct portal *portal)
{
    struct portal **link = &portal->client->bindings;

    while (*link && *link != portal)
        link = &(*link)->client_next;
    if (*link)
        *link = portal->client_next;
}

/* The client has left: what the service keeps for it is seen once more by the service, then freed. */
void service_unbind(struct portal *portal)
{
    struct service *service = portal->service;
    struct portal **link = &service->unbinding;

    leave_client(portal);
    if (portal->gate == PORTAL_UNBINDING || portal->gate == PORTAL_CLOSED)
        return;
    portal->gate = PORTAL_UNBINDING;
    if (portal->deferred)
        call_finish(portal->deferred, PD_DEAD, FATE_UNKNOWN);
    if (service->stage == STAGE_GIVEN_UP) {
        portal_close(portal);
        return;
    }
    while (*link)
        link = &(*link)->unbind_next;
    *link = portal;
    if (service->acceptor)
        service_next(service);
    else
        service->attention |= ATTENTION_QUEUED;
}

void portal_close(struct portal *portal)
{
    struct service *service = portal->service;
    struct portal **link = &service->portals, *previous = NULL;

    while (*link != portal) {
        previous = *link;
        link = &(*link)->service_next;
    }
    *link = portal->service_next;
    if (service->portals_tail == portal)
        service->portals_tail = previous;
    service->portal_count--;
    portal->gate = PORTAL_CLOSED;
    portal->object.dead = 1;
    if (portal->ssr) {
        ssr_free(portal->ssr);
        object_release(&portal->ssr->object);
        portal->ssr = NULL;
    }
    object_release(&portal->object);
}
