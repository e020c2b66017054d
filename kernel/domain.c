/* SPDX-License-Identifier: MIT */
/* Domains: mappings, page faults, life and end. See domain.h; invocations are in domain_invoke.c. */
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/notification.h"
#include "kernel/pager.h"
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/mmu.h"

#define REAP_CAPABILITIES 64
#define UNMAP_STEP_PAGES 1024u
#define RESIDENT_PAGES_MAXIMUM 64u
#define TABLE_BYTES (512ull * PAGE_BYTES) /* that one page table covers */

static struct domain *reap_list;

static bool domain_furnish(struct domain *domain)
{
    domain->mappings = kernel_allocate(domain, DOMAIN_MAPPINGS * sizeof(struct mapping));
    domain->root = mmu_create(domain);
    if (domain->root)
        domain->window = mmu_entry(domain->root, WINDOW_SSR, true, domain);
    return domain->mappings && domain->window;
}

static void join_family(struct domain *domain, struct domain *parent)
{
    domain->sibling_next = parent->children;
    if (parent->children)
        parent->children->sibling_previous = domain;
    parent->children = domain;
}

static void leave_family(struct domain *domain, struct domain *parent)
{
    if (domain->sibling_next)
        domain->sibling_next->sibling_previous = domain->sibling_previous;
    if (domain->sibling_previous)
        domain->sibling_previous->sibling_next = domain->sibling_next;
    else
        parent->children = domain->sibling_next;
}

struct domain *domain_create(struct domain *payer, uint64_t quota_pages, bool shares)
{
    struct domain *domain;
    uint64_t quota_bytes = quota_pages * PAGE_BYTES, given_bytes = shares ? 0 : quota_bytes;

    if (!quota_charge(payer, given_bytes))
        return NULL;
    domain = object_create(payer, OBJECT_DOMAIN, sizeof(*domain));
    if (!domain) {
        quota_refund(payer, given_bytes);
        return NULL;
    }
    domain->quota_bytes = quota_bytes;
    domain->shares = shares;
    domain->priority_limit = PRIORITY_MAXIMUM;
    capability_table_initialise(&domain->table);
    if (payer)
        join_family(domain, payer);
    if (!domain_furnish(domain)) {
        object_release(&domain->object);
        return NULL;
    }
    return domain;
}

struct mapping *domain_mapping(struct domain *domain, uint64_t address)
{
    for (uint32_t i = 0; i < domain->mapping_count; i++) {
        struct mapping *mapping = &domain->mappings[i];

        if (address - mapping->start < (uint64_t)mapping->pages * PAGE_BYTES)
            return mapping;
    }
    return NULL;
}

static bool overlaps(struct domain *domain, uint64_t address, uint64_t bytes)
{
    uint64_t outbox_end = WINDOW_OUTBOX + (uint64_t)OUTBOX_PAGES_MAXIMUM * PAGE_BYTES;

    if (address < outbox_end && address + bytes > WINDOW_SSR)
        return true;
    for (uint32_t i = 0; i < domain->mapping_count; i++) {
        struct mapping *mapping = &domain->mappings[i];

        if (address < mapping->start + (uint64_t)mapping->pages * PAGE_BYTES && address + bytes > mapping->start)
            return true;
    }
    return false;
}

static uint64_t entry_bits(const struct mapping *mapping, bool writable)
{
    uint64_t bits = PTE_PRESENT | PTE_USER;

    if (writable)
        bits |= PTE_WRITABLE;
    if (!(mapping->protection & RIGHT_EXECUTE))
        bits |= PTE_NO_EXECUTE;
    if (mapping->memory->uncached)
        bits |= PTE_UNCACHED;
    return bits;
}

/* A write to a message page: it is frozen, or it no longer is and the processor does not know yet. */
static int64_t message_page_status(struct domain *domain, uint64_t address, uint8_t access)
{
    uint64_t index = (address - WINDOW_MESSAGE) / PAGE_BYTES;
    uint64_t entry;

    if (address < WINDOW_MESSAGE || index >= DOMAIN_THREADS || access != (RIGHT_USE | RIGHT_WRITE))
        return PD_BAD_ADDRESS;
    entry = domain->window[(WINDOW_MESSAGE - WINDOW_SSR) / PAGE_BYTES + index];
    if (!(entry & PTE_PRESENT))
        return PD_BAD_ADDRESS;
    mmu_flush_page(address);
    return entry & PTE_WRITABLE ? PD_OK : PD_BUSY;
}

int64_t domain_resolve(struct domain *domain, uint64_t address, uint8_t access)
{
    struct mapping *mapping = domain_mapping(domain, address);
    uint64_t page_address = address & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t frame;
    uint64_t *entry;
    uint32_t page;
    bool own;

    if (!mapping)
        return message_page_status(domain, address, access);
    if ((mapping->protection & access) != access)
        return PD_BAD_ADDRESS;
    page = mapping->first_page + (uint32_t)((page_address - mapping->start) / PAGE_BYTES);
    entry = mmu_entry(domain->root, page_address, true, domain);
    if (!entry)
        return PD_NO_QUOTA;
    if (*entry & PTE_LENT && access & RIGHT_WRITE)
        return PD_BUSY;
    frame = memory_frame(mapping->memory, page, &own);
    if (!frame && pager_of(mapping->memory))
        return PD_AGAIN;
    if (!frame || (!own && (access & RIGHT_WRITE || mapping->memory->shared))) {
        frame = memory_populate(mapping->memory, page);
        own = true;
    }
    if (!frame)
        return PD_NO_QUOTA;
    *entry = frame | entry_bits(mapping, own && mapping->protection & RIGHT_WRITE);
    mmu_flush_page(page_address);
    return PD_OK;
}

/* Page table entries of [start, start + pages) are cleared, table by table. */
static void clear_entries(struct domain *domain, uint64_t start, uint32_t pages)
{
    uint64_t end = start + (uint64_t)pages * PAGE_BYTES, next;

    for (uint64_t address = start; address < end; address = next) {
        uint64_t *entry = mmu_lookup(domain->root, address);

        next = (address | (TABLE_BYTES - 1)) + 1;
        if (!entry)
            continue;
        for (uint64_t page = address; page < next && page < end; page += PAGE_BYTES, entry++) {
            if (*entry) {
                *entry = 0;
                mmu_flush_page(page);
            }
        }
        mmu_trim(domain->root, address, domain);
    }
}

bool domain_unmap_step(struct domain *domain, struct mapping *mapping)
{
    struct memory *memory = mapping->memory;
    uint32_t pages = mapping->pages < UNMAP_STEP_PAGES ? mapping->pages : UNMAP_STEP_PAGES;

    mapping->pages -= pages;
    clear_entries(domain, mapping->start + (uint64_t)mapping->pages * PAGE_BYTES, pages);
    if (mapping->pages)
        return false;
    memory->mappings--;
    if (mapping->protection & RIGHT_WRITE)
        memory->writable_mappings--;
    *mapping = domain->mappings[--domain->mapping_count];
    object_release(&memory->object);
    return true;
}

int64_t domain_map(struct domain *domain, struct memory *memory, uint64_t address, uint32_t first_page,
                   uint32_t pages, uint8_t protection, bool resident)
{
    uint64_t bytes = (uint64_t)pages * PAGE_BYTES;
    struct mapping *mapping = &domain->mappings[domain->mapping_count];

    if (!pages || address % PAGE_BYTES || !(protection & RIGHT_USE) ||
        (protection & RIGHT_WRITE && protection & RIGHT_EXECUTE) || (uint64_t)first_page + pages > memory->pages)
        return PD_BAD_ARGUMENT;
    /* Nothing at address 0: a null pointer faults, whoever follows it. */
    if (!address || address >= USER_END || bytes > USER_END - address || overlaps(domain, address, bytes))
        return PD_BAD_ADDRESS;
    if (domain->mapping_count == DOMAIN_MAPPINGS || (resident && pages > RESIDENT_PAGES_MAXIMUM))
        return PD_TOO_LARGE;
    if (resident && pager_of(memory))
        return PD_BAD_ARGUMENT;
    if (memory->exclusive && !memory_shown_once(domain, memory, first_page, pages))
        return PD_BUSY;
    *mapping = (struct mapping){.start = address, .pages = pages, .first_page = first_page, .memory = memory,
                                .protection = protection};
    domain->mapping_count++;
    object_hold(&memory->object);
    memory->mappings++;
    if (protection & RIGHT_WRITE)
        memory->writable_mappings++;
    for (uint32_t i = 0; resident && i < pages; i++) {
        int64_t status = domain_resolve(domain, address + (uint64_t)i * PAGE_BYTES,
                                        protection & (RIGHT_USE | RIGHT_WRITE));

        if (status != PD_OK) {
            domain_unmap_step(domain, mapping);
            return status;
        }
    }
    return PD_OK;
}

void domain_finish(struct domain *domain, uint32_t state, uint64_t detail)
{
    if (domain->state != DOMAIN_ALIVE)
        return;
    domain->state = state;
    domain->detail = detail;
    object_hold(&domain->object); /* until domain_reap_step is done with it */
    if (domain->object.payer)
        leave_family(domain, domain->object.payer);
    if (domain->service)
        service_end(domain->service);
    while (domain->threads) {
        struct thread *thread = domain->threads;

        object_hold(&thread->object);
        object_destroy(&thread->object);
        object_release(&thread->object);
    }
    while (domain->bindings)
        service_unbind(domain->bindings);
    if (domain->exit_notification)
        notification_signal(domain->exit_notification, domain->exit_bits);
    domain->reap_next = reap_list;
    reap_list = domain;
}

void domain_end(struct domain *domain)
{
    domain_finish(domain, DOMAIN_KILLED, 0);
}

static void leave_address_space(struct domain *domain)
{
    if (cpu_read_cr3() != domain->root) /* the CPU's note of it may have been cleared */
        return;
    cpu_local()->root = pointer_to_physical(kernel_page_table);
    cpu_write_cr3(cpu_local()->root);
}

/* The quota goes back to who gave it, but for what others still keep of this domain's. */
static void give_back_quota(struct domain *domain)
{
    uint64_t unused_bytes = domain->shares ? 0 : domain->quota_bytes - domain->used_bytes;

    domain->quota_bytes = domain->used_bytes;
    quota_refund(domain->object.payer, unused_bytes);
    domain->reaped = 1;
}

/* One bounded piece of what `domain` still holds; false: nothing is left. */
static bool give_back(struct domain *domain)
{
    struct notification *notification = domain->exit_notification;

    if (domain->children) {
        domain_finish(domain->children, DOMAIN_KILLED, 0);
        return true;
    }
    if (!capability_table_clear_step(&domain->table, domain, REAP_CAPABILITIES))
        return true;
    if (domain->mapping_count) {
        domain_unmap_step(domain, &domain->mappings[domain->mapping_count - 1]);
        return true;
    }
    if (domain->root) {
        leave_address_space(domain);
        if (mmu_free_step(domain->root, domain))
            return true;
    }
    domain->root = 0;
    domain->window = NULL;
    if (domain->outbox)
        object_release(&domain->outbox->object);
    domain->outbox = NULL;
    if (domain->mappings)
        kernel_free(domain, domain->mappings, DOMAIN_MAPPINGS * sizeof(struct mapping));
    domain->mappings = NULL;
    domain->exit_notification = NULL;
    if (notification)
        object_release(&notification->object);
    give_back_quota(domain);
    return false;
}

static bool domain_reap_step(void)
{
    struct domain **link = &reap_list;
    struct domain *domain;

    while (*link && (*link)->lending) /* a call still has its pages */
        link = &(*link)->reap_next;
    domain = *link;
    if (!domain)
        return false;
    *link = domain->reap_next; /* who is put on the list meanwhile comes before it */
    if (give_back(domain)) {
        domain->reap_next = reap_list;
        reap_list = domain;
    } else {
        object_release(&domain->object);
    }
    return true;
}

bool reap_step(void)
{
    return memory_reap_step() || service_reap_step() || domain_reap_step();
}
