/* SPDX-License-Identifier: MIT */
/* Transactions: begin, commit, roll back, in full generality. The fast path does the same for the common case.
 *
 * Rule: a commit first seals everything that was written (which may fail and has no effect that counts), then
 * publishes all of it without a chance to fail or to be interrupted: that is the one flip. A rollback leaves
 * every region as the last commit left it.
 */
#include "kernel/transaction.h"
#include "kernel/domain.h"
#include "kernel/notification.h"
#include "kernel/pager.h"
#include "kernel/thread.h"

/* ---- lent pages ---- */

static uint32_t lend_pages(const struct thread *caller)
{
    return (uint32_t)(caller->r8 >> TRANSFER_LEND_SHIFT & TRANSFER_LEND_MASK);
}

bool transfer_valid(const struct thread *caller)
{
    uint64_t descriptor = caller->r8, pages = lend_pages(caller);
    uint64_t known = TRANSFER_MESSAGE_BYTES_MASK | (uint64_t)TRANSFER_LEND_MASK << TRANSFER_LEND_SHIFT |
                     TRANSFER_LEND_IN | TRANSFER_LEND_OUT | (uint64_t)TRANSFER_SEND_MASK << TRANSFER_SEND_SHIFT |
                     (uint64_t)TRANSFER_RECEIVE_MASK << TRANSFER_RECEIVE_SHIFT |
                     (uint64_t)UINT16_MAX << TRANSFER_RECEIVE_SLOT_SHIFT;
    bool in = descriptor & TRANSFER_LEND_IN, out = descriptor & TRANSFER_LEND_OUT;

    if (descriptor & ~known || (descriptor & TRANSFER_MESSAGE_BYTES_MASK) > MESSAGE_BYTES ||
        (handover_in(descriptor) && !handover_valid(descriptor)))
        return false;
    if (!pages)
        return !in && !out;
    return in != out && pages <= LEND_PAGES && caller->r9 % PAGE_BYTES == 0 && caller->r9 < USER_END &&
           caller->r9 + pages * PAGE_BYTES <= USER_END;
}

/* Lending what is itself borrowed for a transaction would hide writes from its commit; a message page goes with its
 * thread, whoever has it; and what an incarnation has mapped itself goes with it, maybe in the midst of the call. */
static bool lendable(const struct thread *caller, uint64_t address)
{
    struct mapping *mapping;

    if (address >= WINDOW_SSR && address < WINDOW_OUTBOX)
        return address >= WINDOW_LEND && address < WINDOW_MESSAGE;
    mapping = caller->service ? domain_mapping(caller->domain, address) : NULL;
    return !mapping || !mapping->incarnation;
}

/* The caller's entry for `address`, with the page made present and writable as needed; `*found` is that of the
 * page before, or NULL. */
static int64_t lend_entry(struct thread *caller, uint64_t address, bool out, uint64_t **found)
{
    uint64_t wanted = PTE_PRESENT | PTE_USER | (out ? PTE_WRITABLE : 0);
    /* The entry after the one before, unless that was its table's last. */
    uint64_t *entry = *found && address << 43 ? *found + 1 : mmu_lookup(caller->domain->root, address);

    if (!entry || (*entry & wanted) != wanted) {
        int64_t status = domain_resolve(caller->domain, address, out ? RIGHT_USE | RIGHT_WRITE : RIGHT_USE);

        if (status != PD_OK)
            return status == PD_AGAIN ? PD_BAD_ADDRESS : status; /* its pager would have to be asked */
        entry = mmu_lookup(caller->domain->root, address);
    }
    *found = entry;
    return PD_OK;
}

/* Nobody of the lender's domain writes a page that is lent to be read: counted, since several calls may have it. False:
 * nobody could anyway. */
static bool freeze(uint64_t *entry)
{
    if (*entry & PTE_WRITABLE)
        *entry = (*entry & ~PTE_WRITABLE) | PTE_LENT;
    if (!(*entry & PTE_LENT))
        return false;
    *entry += PTE_LENT_ONE;
    return true;
}

static void thaw(uint64_t *entry)
{
    *entry -= PTE_LENT_ONE;
    if (!(*entry & PTE_LENT_COUNT))
        *entry = (*entry & ~PTE_LENT) | PTE_WRITABLE;
}

int64_t transfer_lend(struct service *service, struct thread *caller)
{
    bool out = caller->r8 & TRANSFER_LEND_OUT;
    uint32_t pages = lend_pages(caller);
    uint64_t *slot = service->window + WINDOW_LEND_ENTRY;
    uint64_t rights = PTE_PRESENT | PTE_USER | PTE_NO_EXECUTE | (out ? PTE_WRITABLE : 0);
    uint64_t *entry = NULL;

    if (!pages)
        return PD_OK;
    service->lender = caller;
    service->lent_base = caller->r9;
    object_hold(&caller->object);
    service->lent_pages = 0;
    caller->domain->lending++;
    service->lent_request = caller->asking;
    if (caller->asking) {
        slot[service->lent_pages++] = pager_lend(caller) | rights;
        return PD_OK;
    }
    for (uint64_t address = caller->r9; service->lent_pages < pages; address += PAGE_BYTES) {
        int64_t status = lendable(caller, address) ? lend_entry(caller, address, out, &entry) : PD_BAD_ADDRESS;

        if (status != PD_OK) {
            transfer_unlend(service);
            return status;
        }
        if (!out && caller->domain->thread_count > 1 && freeze(entry))
            service->lent_frozen |= 1ull << service->lent_pages;
        slot[service->lent_pages++] = (*entry & PTE_ADDRESS) | rights;
    }
    if (service->lent_frozen)
        address_space_changed(caller->domain->root);
    return PD_OK;
}

void transfer_freeze(struct service *service)
{
    struct thread *lender = service->lender;

    if (!lender || lender->service || lender->r8 & TRANSFER_LEND_OUT || service->lent_frozen)
        return;
    for (uint64_t page = 0; page < service->lent_pages; page++)
        if (freeze(mmu_lookup(lender->domain->root, service->lent_base + page * PAGE_BYTES)))
            service->lent_frozen |= 1ull << page;
    address_space_changed(lender->domain->root);
}

static void take_back(struct service *service, struct thread *lender)
{
    uint64_t *slot = service->window + WINDOW_LEND_ENTRY;

    for (uint32_t i = 0; i < service->lent_pages; i++)
        slot[i] = 0;
    for (uint64_t frozen = service->lent_frozen; frozen; frozen &= frozen - 1) {
        uint64_t page = (uint64_t)__builtin_ctzll(frozen);

        thaw(mmu_lookup(lender->domain->root, service->lent_base + page * PAGE_BYTES));
    }
    service->lent_frozen = 0;
    service->lent_pages = 0;
    service->lender = NULL;
    lender->domain->lending--;
    if (service->lent_request)
        pager_returned(lender, service->lent_request);
    service->lent_request = NULL;
}

/* Its lender is a service that died in the call. The next incarnation, whose frames they are, has waited for them, and
 * so has its own caller, whose pages they may be. Returns whose pages can be taken back now. */
static struct service *release_lender(struct thread *lender)
{
    struct service *service = lender->service;

    if (!service || lender->domain->lending)
        return NULL;
    if (service->start_later) {
        service->start_later = false;
        thread_wake(lender);
    }
    return service->unlend_later ? service : NULL;
}

void transfer_unlend(struct service *service)
{
    while (service && service->lender) {
        struct thread *lender = service->lender;
        bool was_late = service->unlend_later;
        struct service *next;

        take_back(service, lender);
        next = release_lender(lender);
        object_release(&lender->object);
        if (unlikely(was_late)) {
            service->unlend_later = false;
            object_release(&service->object);
        }
        service = next;
    }
}

/* As long as a call that a dead incarnation made has its pages, it keeps its own caller's. */
static void unlend_after_rollback(struct service *service)
{
    if (!service->lender || !service->domain->lending) {
        transfer_unlend(service);
    } else if (!service->unlend_later) {
        service->unlend_later = true;
        object_hold(&service->object);
    }
}

/* ---- regions ---- */

bool transaction_open_region(struct service *service)
{
    struct ssr *region = service->region;

    if (!region || (!region->memory.quarantined && ssr_open(&region->memory)))
        return true;
    return !region->memory.quarantined && ssr_repair(&region->memory) != SSR_LOST;
}

static int64_t verify_client(struct ssr *ssr)
{
    if (ssr->memory.quarantined || (!ssr_open(&ssr->memory) && ssr_repair(&ssr->memory) == SSR_LOST)) {
        portal_lose(ssr->portal);
        return PD_LOST;
    }
    return PD_OK;
}

int64_t transaction_begin(struct service *service, struct portal *portal, struct thread *caller)
{
    int64_t status = portal->ssr ? verify_client(portal->ssr) : PD_OK;

    if (status == PD_OK && caller)
        status = transfer_lend(service, caller);
    if (status == PD_OK && caller && handover_in(caller->r8)) {
        status = handover_begin(service, caller);
        if (status != PD_OK)
            transfer_unlend(service);
    }
    if (status != PD_OK)
        return status;
    if (portal->ssr)
        window_map(service->window, portal->ssr);
    service->portal = portal;
    service->used_ticks = 0;
    service->observed->serving_binding = portal->binding;
    return PD_OK;
}

/* Remember that `ssr` belongs to the transaction; its index. There is room: transaction_open sees to it. */
static uint32_t opened_index(struct service *service, struct ssr *ssr)
{
    uint32_t i = 0;

    while (i < service->opened_count && service->opened[i] != ssr)
        i++;
    if (i == service->opened_count) {
        service->opened[i] = ssr;
        service->written[i] = 0;
        service->opened_count++;
    }
    return i;
}

int64_t transaction_open(struct service *service, struct ssr *ssr)
{
    uint32_t index;
    int64_t status;

    transaction_close(service);
    if (service->opened_count >= SERVICE_OPENED)
        return PD_BUSY;
    index = opened_index(service, ssr);
    /* A region that this transaction has written already is not as its checksum says, and need not be. */
    status = service->written[index] ? PD_OK : verify_client(ssr);
    if (status != PD_OK)
        return status;
    window_map(service->window, ssr);
    service->open = ssr;
    service->attention |= ATTENTION_OPENED;
    window_changed(service);
    return PD_OK;
}

void transaction_close(struct service *service)
{
    struct ssr *ssr = service->open;

    if (!ssr)
        return;
    service->written[opened_index(service, ssr)] |= window_written(service->window, ssr);
    window_unmap(service->window, ssr);
    service->open = NULL;
    window_changed(service);
}

/* Put the client's own region, if a call is being served, on the list of regions to commit. */
static void gather(struct service *service)
{
    transaction_close(service);
    if (service->portal && service->portal->ssr) {
        struct ssr *ssr = service->portal->ssr;
        uint32_t written = window_written(service->window, ssr);

        if (written)
            service->written[opened_index(service, ssr)] |= written;
        window_unmap(service->window, ssr);
    }
    if (service->region) {
        uint32_t written = window_written(service->window + WINDOW_REGION_ENTRY, service->region);

        if (written)
            service->written[opened_index(service, service->region)] |= written;
    }
}

bool transaction_commit(struct service *service)
{
    gather(service);
    for (uint32_t i = 0; i < service->opened_count; i++)
        if (service->written[i] && !ssr_seal(&service->opened[i]->memory, service->written[i]))
            return false;
    for (uint32_t i = 0; i < service->opened_count; i++)
        if (service->written[i])
            ssr_publish(&service->opened[i]->memory);
    for (uint32_t i = 0; i < service->opened_count; i++) {
        if (!service->written[i])
            continue;
        ssr_settle(&service->opened[i]->memory, service->written[i]);
        service->opened[i]->commits++;
    }
    if (service->region)
        window_map(service->window + WINDOW_REGION_ENTRY, service->region);
    service->opened_count = 0;
    if (handover_under_way(service))
        handover_commit(service);
    transfer_unlend(service);
    if (service->taken_events && service->notification)
        notification_unmask(service->notification, service->taken_events);
    service->taken_events = 0;
    return true;
}

void transaction_rollback(struct service *service)
{
    gather(service);
    for (uint32_t i = 0; i < service->opened_count; i++) {
        struct ssr *ssr = service->opened[i];

        if (service->written[i] && ssr_rollback(&ssr->memory, service->written[i]) == SSR_LOST && ssr->portal)
            portal_lose(ssr->portal);
    }
    if (service->region)
        window_map(service->window + WINDOW_REGION_ENTRY, service->region);
    service->opened_count = 0;
    service->answer_count = 0;
    handover_end(service);
    unlend_after_rollback(service);
    service->pending_events |= service->taken_events;
    service->taken_events = 0;
}
