/* SPDX-License-Identifier: MIT */
/* Operations on domains. Rule: decode, then act: each function checks all that can fail before its first effect,
 * and what it made is given back when a later step finds no memory. */
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/invoke.h"
#include "kernel/notification.h"
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/exit.h"

#define REVOKE_STEP 64u
#define CONTIGUOUS_PAGES_MAXIMUM 64u /* they are zeroed at once */
#define QUOTA_PAGES_MAXIMUM (1ull << 32)

/* The argument capability in `slot` of the caller, if it has this type and these rights. */
static int64_t argument(struct thread *self, uint64_t slot, uint8_t type, uint8_t rights, struct capability **found)
{
    *found = capability_at(&self->domain->table, slot);
    if ((*found)->type == OBJECT_NONE)
        return PD_BAD_CAPABILITY;
    if ((*found)->type != type)
        return PD_WRONG_TYPE;
    if (((*found)->rights & rights) != rights)
        return PD_NO_RIGHT;
    return (*found)->object->dead ? PD_DEAD : PD_OK;
}

/* Put a new object, of which the caller of this function owns a reference, into the reserved slot. */
static int64_t deliver(struct capability *slot, struct object *header)
{
    if (!header)
        return PD_NO_QUOTA;
    /* Supervising a domain is ending the machine: only the root domain's own capability has it. */
    capability_fill(slot, header, header->type == OBJECT_DOMAIN ? RIGHT_ALL & ~RIGHT_SUPERVISE : RIGHT_ALL, 0, NULL);
    object_release(header);
    return PD_OK;
}

static int64_t create_domain(struct thread *self, struct domain *domain, struct capability *slot)
{
    struct domain *child;

    if (!self->rsi || self->rsi > QUOTA_PAGES_MAXIMUM || self->rdx & ~(uint64_t)QUOTA_SHARED)
        return PD_BAD_ARGUMENT;
    if (self->rdx & QUOTA_SHARED && domain->shares)
        return PD_BUSY;
    child = domain_create(domain, self->rsi, self->rdx & QUOTA_SHARED);
    if (child) { /* no more than its maker has; SET_PRIORITY_LIMIT may give it what the maker could give itself */
        uint8_t priority = self->context ? self->context->own_priority : 0;

        child->priority_limit = priority < self->domain->priority_limit ? priority : self->domain->priority_limit;
    }
    return deliver(slot, child ? &child->object : NULL);
}

static int64_t create_thread(struct thread *self, struct capability *slot)
{
    struct capability *target;
    struct domain *home;
    struct thread *thread;
    int64_t status = argument(self, self->rsi, OBJECT_DOMAIN, RIGHT_MANAGE, &target);

    if (status != PD_OK)
        return status;
    home = (struct domain *)target->object;
    if (home->state != DOMAIN_ALIVE)
        return PD_DEAD;
    if (home->service)
        return PD_BUSY; /* a service has one worker and no sibling of it */
    if (home->thread_count == 1 && thread_in_call(home->threads))
        return PD_BUSY; /* what it lent is not kept from siblings, since it had none */
    if (home->thread_count == DOMAIN_THREADS)
        return PD_TOO_LARGE;
    thread = thread_create(home);
    return deliver(slot, thread ? &thread->object : NULL);
}

static int64_t create_notification(struct thread *self, struct domain *domain, struct capability *slot)
{
    struct notification *notification;
    bool semaphore = self->rsi & NOTIFICATION_SEMAPHORE;

    if (self->rsi & ~(uint64_t)NOTIFICATION_SEMAPHORE || self->rdx > (semaphore ? SEMAPHORE_MAXIMUM : 0))
        return PD_BAD_ARGUMENT;
    notification = notification_create(domain, semaphore, self->rdx);
    return deliver(slot, notification ? &notification->object : NULL);
}

static int64_t create_memory(struct thread *self, struct domain *domain, struct capability *slot)
{
    struct memory *memory;
    uint64_t pages = self->rsi;

    if (!pages || pages > MEMORY_MAX_PAGES || self->rdx & ~(uint64_t)MEMORY_CONTIGUOUS)
        return PD_BAD_ARGUMENT;
    if (self->rdx & MEMORY_CONTIGUOUS && pages > CONTIGUOUS_PAGES_MAXIMUM)
        return PD_TOO_LARGE;
    memory = memory_create(domain, (uint32_t)pages);
    if (memory && self->rdx & MEMORY_CONTIGUOUS && !memory_make_contiguous(memory)) {
        object_release(&memory->object);
        return PD_NO_QUOTA;
    }
    return deliver(slot, memory ? &memory->object : NULL);
}

static int64_t create_service(struct thread *self, struct domain *domain, struct capability *slot)
{
    struct capability *target;
    struct service *service;
    struct domain *home;
    int64_t status = argument(self, self->rsi, OBJECT_DOMAIN, RIGHT_MANAGE, &target);

    if (status != PD_OK)
        return status;
    home = (struct domain *)target->object;
    if (self->rdx > SSR_BYTES_MAXIMUM || self->r10 > REGION_BYTES_MAXIMUM || self->r8 > OUTBOX_PAGES_MAXIMUM ||
        self->r9 > UINT32_MAX)
        return PD_TOO_LARGE;
    if (home->state != DOMAIN_ALIVE)
        return PD_DEAD;
    if (home->service || home->threads)
        return PD_BUSY;
    service = service_create(domain, home, (uint32_t)self->rdx, (uint32_t)self->r10, (uint32_t)self->r8,
                             (uint32_t)self->r9, &status);
    return service ? deliver(slot, &service->object) : status;
}

static int64_t create(struct thread *self, struct domain *domain, uint64_t operation)
{
    struct capability *slot;
    struct sched_context *context;
    int64_t status = capability_reserve(&self->domain->table, self->domain, self->rdi, &slot);

    if (status != PD_OK)
        return status;
    switch (operation) {
    case DOMAIN_CREATE_DOMAIN:
        return create_domain(self, domain, slot);
    case DOMAIN_CREATE_THREAD:
        return create_thread(self, slot);
    case DOMAIN_CREATE_SCHED_CONTEXT:
        context = sched_context_create(domain);
        return deliver(slot, context ? &context->object : NULL);
    case DOMAIN_CREATE_NOTIFICATION:
        return create_notification(self, domain, slot);
    case DOMAIN_CREATE_MEMORY:
        return create_memory(self, domain, slot);
    default:
        return create_service(self, domain, slot);
    }
}

static int64_t copy(struct thread *self, struct domain *domain)
{
    struct capability *source = capability_at(&domain->table, self->rdi);
    struct capability *target, *slot;
    struct domain *destination;
    int64_t status = argument(self, self->rsi, OBJECT_DOMAIN, RIGHT_MANAGE, &target);

    if (status != PD_OK)
        return status;
    destination = (struct domain *)target->object;
    if (source->type == OBJECT_NONE)
        return PD_BAD_CAPABILITY;
    if (destination->state != DOMAIN_ALIVE)
        return PD_DEAD;
    if (self->r10 & ~(uint64_t)source->rights || (destination != domain && !(source->rights & RIGHT_GRANT)))
        return PD_NO_RIGHT;
    if (self->r8 > UINT32_MAX)
        return PD_BAD_ARGUMENT;
    if (!capability_derivable(source))
        return PD_BUSY;
    /* A portal is one client's: bind the other one. Calls do not ask for its one right, so it always has it. */
    if (source->type == OBJECT_PORTAL && (destination != domain || !(self->r10 & RIGHT_USE)))
        return PD_NO_RIGHT;
    status = capability_reserve(&destination->table, destination, self->rdx, &slot);
    if (status != PD_OK)
        return status;
    capability_fill(slot, source->object, (uint8_t)self->r10, (uint32_t)self->r8, source);
    return PD_OK;
}

static int64_t delete(struct thread *self, struct domain *domain)
{
    struct capability *slot = capability_at(&domain->table, self->rdi);
    unsigned limit = REVOKE_STEP;

    if (slot->type == OBJECT_NONE)
        return PD_BAD_CAPABILITY;
    if (slot->type == OBJECT_PORTAL && !slot->object->dead && portal_names((struct portal *)slot->object) == 1)
        service_unbind((struct portal *)slot->object);
    return capability_delete_step(slot, &limit) ? PD_OK : PD_AGAIN;
}

static int64_t map(struct thread *self, struct domain *domain)
{
    struct capability *source;
    struct memory *memory;
    uint8_t protection = (uint8_t)(self->r8 & (RIGHT_USE | RIGHT_WRITE | RIGHT_EXECUTE));
    bool copy_on_write = self->r9 & MAP_COW;
    int64_t status = argument(self, self->rdi, OBJECT_MEMORY, RIGHT_USE, &source);

    if (status != PD_OK)
        return status;
    memory = (struct memory *)source->object;
    if (domain->state != DOMAIN_ALIVE)
        return PD_DEAD;
    if (self->rdx > MEMORY_MAX_PAGES || self->r10 > MEMORY_MAX_PAGES || self->r8 != protection ||
        self->r9 & ~(uint64_t)(MAP_COW | MAP_RESIDENT))
        return PD_BAD_ARGUMENT;
    if ((protection & RIGHT_EXECUTE && !(source->rights & RIGHT_EXECUTE)) ||
        (protection & RIGHT_WRITE && !copy_on_write && (!(source->rights & RIGHT_WRITE) || memory->frozen)))
        return PD_NO_RIGHT;
    if (copy_on_write) {
        status = memory_cloneable(memory, source->rights);
        if (status != PD_OK)
            return status;
        memory = memory_clone(domain, memory);
        if (!memory)
            return PD_NO_QUOTA;
    }
    status = domain_map(domain, memory, self->rsi, (uint32_t)self->rdx, (uint32_t)self->r10, protection,
                        self->r9 & MAP_RESIDENT);
    if (status == PD_OK)
        domain->mappings[domain->mapping_count - 1].incarnation = domain == self->domain;
    if (copy_on_write)
        object_release(&memory->object);
    return status;
}

static int64_t set_exit_notification(struct thread *self, struct domain *domain)
{
    struct capability *target;
    int64_t status = argument(self, self->rdi, OBJECT_NOTIFICATION, RIGHT_WRITE, &target);

    if (status != PD_OK)
        return status;
    if (domain->state != DOMAIN_ALIVE) {
        notification_signal((struct notification *)target->object, self->rsi);
        return PD_OK;
    }
    if (domain->exit_notification)
        return PD_BUSY;
    domain->exit_notification = (struct notification *)target->object;
    domain->exit_bits = self->rsi;
    object_hold(target->object);
    return PD_OK;
}

static int64_t revoke(struct thread *self, struct domain *domain)
{
    struct capability *slot = capability_at(&domain->table, self->rdi);

    if (slot->type == OBJECT_NONE)
        return PD_BAD_CAPABILITY;
    return capability_revoke_step(slot, REVOKE_STEP) ? PD_OK : PD_AGAIN;
}

/* Bounded steps from the end; what is left to do is in the caller's registers, as if it had asked for that alone. */
static int64_t unmap(struct thread *self, struct domain *domain)
{
    struct mapping *mapping = domain_mapping(domain, self->rdi);

    if (!mapping || mapping->start != self->rdi || mapping->pages != self->rsi || mapping->segment)
        return PD_BAD_ARGUMENT;
    if (domain->lending)
        return PD_BUSY;
    if (domain_unmap_step(domain, mapping))
        return PD_OK;
    self->rsi = mapping->pages;
    return PD_AGAIN;
}

static int64_t clone(struct thread *self, struct domain *domain)
{
    struct mapping *mapping = domain_mapping(domain, self->rdi);
    struct capability *target;
    struct domain *destination;
    int64_t status = argument(self, self->rsi, OBJECT_DOMAIN, RIGHT_MANAGE, &target);

    if (status != PD_OK)
        return status;
    destination = (struct domain *)target->object;
    if (!mapping || mapping->start != self->rdi || destination == domain ||
        self->r10 & ~(uint64_t)(CLONE_SHARE | CLONE_UNFINISHED) || (self->r10 & CLONE_SHARE && self->rdx))
        return PD_BAD_ARGUMENT;
    if (domain->state != DOMAIN_ALIVE || destination->state != DOMAIN_ALIVE)
        return PD_DEAD;
    if (domain->service || destination->service || domain->lending)
        return PD_BUSY;
    if (self->r10 & CLONE_SHARE)
        return domain_map(destination, mapping->memory, mapping->start, mapping->first_page, mapping->pages,
                          mapping->protection, false);
    return clone_mapping(domain, mapping, destination, self->rdx, &self->r10);
}

static void tell_mapping(struct thread *self, const struct domain *domain)
{
    const struct mapping *mapping;

    if (self->rdi >= domain->mapping_count) {
        thread_status(self, PD_BAD_ARGUMENT);
        return;
    }
    mapping = &domain->mappings[self->rdi];
    thread_result(self, PD_OK, mapping->start, mapping->pages, mapping->protection);
}

static int64_t kill(struct thread *self, struct domain *domain)
{
    if (domain->service && domain == self->domain)
        return PD_BUSY; /* a service ends its incarnation, not itself: SERVICE_PANIC */
    domain_finish(domain, DOMAIN_KILLED, 0);
    return PD_OK;
}

static int64_t set_priority_limit(struct thread *self, struct domain *domain)
{
    if (self->rdi > PRIORITY_MAXIMUM)
        return PD_BAD_ARGUMENT;
    if (self->rdi > self->domain->priority_limit)
        return PD_NO_RIGHT;
    domain->priority_limit = (uint8_t)self->rdi;
    return PD_OK;
}

/* Operations that need RIGHT_MANAGE (or SUPERVISE) on the domain. */
static void manage(struct thread *self, struct capability *capability, struct domain *domain, uint64_t operation)
{
    switch (operation) {
    case DOMAIN_COPY:
        thread_status(self, copy(self, domain));
        return;
    case DOMAIN_DELETE:
        thread_stepwise(self, delete (self, domain));
        return;
    case DOMAIN_REVOKE:
        thread_stepwise(self, revoke(self, domain));
        return;
    case DOMAIN_MAP:
        thread_status(self, map(self, domain));
        return;
    case DOMAIN_UNMAP:
        thread_stepwise(self, unmap(self, domain));
        return;
    case DOMAIN_CLONE_MAPPING:
        thread_stepwise(self, clone(self, domain));
        return;
    case DOMAIN_KILL:
        thread_status(self, kill(self, domain));
        return;
    case DOMAIN_SET_PRIORITY_LIMIT:
        thread_status(self, set_priority_limit(self, domain));
        return;
    case DOMAIN_SET_EXIT_NOTIFICATION:
        thread_status(self, set_exit_notification(self, domain));
        return;
    case DOMAIN_SET_NAME:
        __builtin_memcpy(domain->name, (uint64_t[2]){self->rdi, self->rsi}, sizeof(domain->name));
        thread_status(self, PD_OK);
        return;
    case DOMAIN_SHUTDOWN:
        if (capability->rights & RIGHT_SUPERVISE && !domain->object.payer)
            machine_exit(self->rdi, self->rsi);
        thread_status(self, PD_NO_RIGHT);
        return;
    default:
        thread_status(self, PD_BAD_OPERATION);
    }
}

void domain_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct domain *domain = (struct domain *)capability->object;

    if (!(capability->rights & (RIGHT_USE | RIGHT_MANAGE))) {
        thread_status(self, PD_NO_RIGHT);
        return;
    }
    switch (operation) {
    case DOMAIN_EXIT:
        thread_status(self, PD_BAD_ARGUMENT);
        if (domain == self->domain && !domain->service)
            domain_finish(domain, DOMAIN_EXITED, self->rdi & 0xff);
        return;
    case DOMAIN_STATUS:
        thread_result(self, PD_OK, domain->state, domain->detail, domain->fault_instruction);
        self->r10 = domain->fault_address;
        return;
    case DOMAIN_INFO:
        thread_result(self, PD_OK, (domain->used_bytes + quota_left(domain)) / PAGE_BYTES,
                      (domain->used_bytes + PAGE_BYTES - 1) / PAGE_BYTES, domain->thread_count);
        __builtin_memcpy(&self->r10, domain->name, sizeof(self->r10));
        return;
    case DOMAIN_MACHINE:
        thread_result(self, PD_OK, frame_count_free(), frame_count_total(), kernel_chunks());
        return;
    case DOMAIN_MAPPING:
        tell_mapping(self, domain);
        return;
    default:
        break;
    }
    if (!(capability->rights & (operation == DOMAIN_CREATE_DOMAIN ? RIGHT_MANAGE | RIGHT_EXECUTE : RIGHT_MANAGE))) {
        thread_status(self, PD_NO_RIGHT);
    } else if (operation >= DOMAIN_CREATE_DOMAIN && operation <= DOMAIN_CREATE_SERVICE) {
        if (domain->state != DOMAIN_ALIVE)
            thread_status(self, PD_DEAD);
        else
            thread_status(self, create(self, domain, operation));
    } else {
        manage(self, capability, domain, operation);
    }
}
