/* SPDX-License-Identifier: MIT */
/* Services: making them, binding clients, ending bindings. See service.h. */
#include "kernel/service.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/notification.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"
#include "kernel/x86_64/cpu.h"

#define HANG_LIMIT_TICKS_MINIMUM 2u /* one tick may fall on any instant of a transaction */
#define REVOKE_LIMIT 64u
#define OBSERVED_NOWHERE 0u         /* entry 0 of the table is nobody's */

struct observed_service observed_services[OBSERVED_SERVICES];

static struct service *reap_list;
static struct service *alarms; /* services that have one, the earliest first; one each, so it is short */

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

void service_alarm(struct service *service, uint64_t ticks, uint64_t bits)
{
    struct service **link = &alarms;

    while (*link && *link != service)
        link = &(*link)->alarm_next;
    if (*link)
        *link = service->alarm_next;
    service->alarm_ticks = ticks;
    service->alarm_bits = bits;
    if (!ticks)
        return;
    for (link = &alarms; *link && (*link)->alarm_ticks <= ticks; link = &(*link)->alarm_next)
        ;
    service->alarm_next = *link;
    *link = service;
    service_alarms(cpu_timestamp());
}

void service_alarms(uint64_t now_ticks)
{
    while (alarms && alarms->alarm_ticks <= now_ticks) {
        struct service *service = alarms;

        alarms = service->alarm_next;
        service->alarm_ticks = 0;
        service_event(service, service->alarm_bits);
    }
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

/* What service_furnish made, or a part of it, goes; `domain` is as it was before. */
static void service_unfurnish(struct service *service)
{
    struct domain *domain = service->domain;
    struct thread *worker = service->worker;
    struct capability *self = capability_at(&domain->table, SLOT_SELF_THREAD);
    unsigned limit = REVOKE_LIMIT;

    if (worker) {
        object_destroy(&worker->object);
        if (self->object == &worker->object)
            capability_delete_step(self, &limit); /* if it has too many children, the domain's end takes it away */
        object_release(&worker->object);
    }
    if (service->context)
        object_release(&service->context->object);
    if (service->layout)
        kernel_free(domain, service->layout, 2 * sizeof(*service->layout));
    if (service->region) {
        window_unmap(service->window + WINDOW_REGION_ENTRY, service->region);
        ssr_free(service->region);
        object_release(&service->region->object);
    }
    for (uint32_t i = 0; service->outbox && i < service->outbox->pages; i++) {
        uint64_t *entry = mmu_lookup(domain->root, WINDOW_OUTBOX + (uint64_t)i * PAGE_BYTES);

        if (entry)
            *entry = 0;
    }
    if (service->outbox)
        object_release(&service->outbox->object);
    window_changed(service);
    service->worker = NULL;
    service->context = NULL;
    service->layout = NULL;
    service->region = NULL;
    service->outbox = NULL;
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
    service->large = ssr_bytes > PAGE_BYTES || region_bytes > PAGE_BYTES;
    service->hang_limit_ticks = hang_limit_us / (TICK_NS / 1000);
    if (service->hang_limit_ticks < HANG_LIMIT_TICKS_MINIMUM)
        service->hang_limit_ticks = HANG_LIMIT_TICKS_MINIMUM;
    service->observed = &observed_services[OBSERVED_NOWHERE];
    if (!service_furnish(service, region_bytes, outbox_pages)) {
        service_unfurnish(service);
        object_release(&service->object);
        return NULL;
    }
    service->worker->service = service;
    domain->service = service;
    *status = PD_OK;
    return service;
}

void service_unnamed(struct service *service)
{
    object_hold(&service->object); /* until service_reap_step is done with it */
    service->reap_next = reap_list;
    reap_list = service;
}

bool service_reap_step(void)
{
    struct service *service = reap_list;

    if (!service)
        return false;
    reap_list = service->reap_next;
    service_end(service);
    object_release(&service->object);
    return true;
}

void service_end(struct service *service)
{
    struct domain *domain = service->domain;

    if (!domain)
        return;
    service->object.dead = 1;
    if (service->worker) {
        service_retire(service);
        if (!service->unlend_later) /* else it is kept, and looked for there */
            service->worker->service = NULL;
        domain->outbox = service->outbox; /* a call under way may have its pages */
        service->outbox = NULL;
        service_unfurnish(service);
    }
    for (uint32_t i = 0; i < SERVICE_SEGMENTS; i++)
        segment_forget(service, &service->segments[i]);
    if (service->notification) {
        service->notification->service = NULL;
        object_release(&service->notification->object);
    }
    if (service->supervisor_notification)
        object_release(&service->supervisor_notification->object);
    service->notification = service->supervisor_notification = NULL;
    service_forget(service);
    service->domain = NULL;
    if (domain->service == service) {
        domain->service = NULL;
        domain_finish(domain, DOMAIN_KILLED, 0);
    }
    object_release(&domain->object);
}

struct portal *service_portal(struct service *service, uint64_t binding)
{
    struct portal *portal = service->portals;

    if (service->found && service->found->binding <= binding)
        portal = service->found;
    while (portal && portal->binding < binding)
        portal = portal->service_next;
    return portal && portal->binding == binding ? portal : NULL;
}

int64_t service_bind(struct service *service, struct domain *client, uint64_t slot, uint32_t badge, uint64_t *binding)
{
    struct capability *capability;
    struct portal *portal;
    int64_t status;

    if (service->stage == STAGE_GIVEN_UP || client->state != DOMAIN_ALIVE)
        return PD_DEAD;
    if (client->binding_count == DOMAIN_BINDINGS)
        return PD_TOO_LARGE;
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
    portal->badge = badge;
    portal->service_previous = service->portals_tail;
    if (service->portals)
        service->portals_tail->service_next = portal;
    else
        service->portals = portal;
    service->portals_tail = portal;
    service->portal_count++;
    portal->client_next = client->bindings;
    client->bindings = portal;
    client->binding_count++;
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
    if (!*link)
        return;
    *link = portal->client_next;
    portal->client->binding_count--;
}

uint32_t portal_names(const struct portal *portal)
{
    uint32_t others = portal->waiting + 1; /* the service's list */

    for (const struct thread *caller = portal->deferred; caller; caller = caller->queue_next)
        others++;
    return portal->object.references - others;
}

/* The client has left: what the service keeps for it is seen once more by the service, then freed. */
void service_unbind(struct portal *portal)
{
    struct service *service = portal->service;

    leave_client(portal);
    if (portal->gate == PORTAL_UNBINDING || portal->gate == PORTAL_CLOSED)
        return;
    portal->gate = PORTAL_UNBINDING;
    while (portal->deferred)
        call_finish(portal->deferred, PD_DEAD, FATE_UNKNOWN);
    if (service->stage == STAGE_GIVEN_UP) {
        portal_close(portal);
        return;
    }
    portal->unbind_next = NULL;
    if (service->unbinding)
        service->unbinding_tail->unbind_next = portal;
    else
        service->unbinding = portal;
    service->unbinding_tail = portal;
    service_due(service);
}

void portal_lose(struct portal *portal)
{
    if (portal->gate != PORTAL_OPEN)
        return;
    portal->gate = PORTAL_LOST;
    while (portal->deferred)
        call_finish(portal->deferred, PD_LOST, FATE_UNKNOWN);
}

void portal_close(struct portal *portal)
{
    struct service *service = portal->service;

    if (portal->service_previous)
        portal->service_previous->service_next = portal->service_next;
    else
        service->portals = portal->service_next;
    if (portal->service_next)
        portal->service_next->service_previous = portal->service_previous;
    else
        service->portals_tail = portal->service_previous;
    service->portal_count--;
    service->found = NULL;
    portal->gate = PORTAL_CLOSED;
    portal->object.dead = 1;
    while (portal->deferred)
        call_finish(portal->deferred, PD_DEAD, FATE_UNKNOWN);
    if (portal->ssr) {
        ssr_free(portal->ssr);
        object_release(&portal->ssr->object);
        portal->ssr = NULL;
    }
    handover_forget(portal);
    object_release(&portal->object);
}
