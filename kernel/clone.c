/* SPDX-License-Identifier: MIT */
/* Private copies, on write, of memory that is mapped and written: what fork() is made of.
 *
 * Rule: what a memory holds becomes a snapshot, which nobody writes any more, and the memory and its clone begin as
 * children of it that hold nothing. No page of such a memory is mapped at two places, so that none of them can go on showing
 * the snapshot when the other has been written. A snapshot that one alone needs comes up into that one, so that a
 * program that clones itself again and again has no longer a chain than it has clones alive.
 */
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/service.h"
#include "kernel/x86_64/mmu.h"

#define PROTECT_STEP_LEAVES 4u
#define LEAVES (MEMORY_MAX_PAGES / MEMORY_LEAF_PAGES)
#define TABLE_PAGES 512u

/* ---- who maps it ---- */

/* All mappings of `memory` are of `domain`, and so many of them show one of these pages. */
static bool is_shown(const struct domain *domain, const struct memory *memory, uint32_t first_page, uint32_t pages,
                     uint32_t times)
{
    uint32_t count = 0, shown = 0;

    for (uint32_t i = 0; i < domain->mapping_count; i++) {
        const struct mapping *mapping = &domain->mappings[i];

        if (mapping->memory != memory)
            continue;
        count++;
        shown += mapping->first_page < first_page + pages && first_page < mapping->first_page + mapping->pages;
    }
    return count == memory->mappings && shown == times;
}

bool memory_shown_once(const struct domain *domain, const struct memory *memory, uint32_t first_page, uint32_t pages)
{
    return is_shown(domain, memory, first_page, pages, 0);
}

/* All its mappings are of `domain`, and none shows what another shows. */
static bool is_private(const struct domain *domain, const struct memory *memory)
{
    for (uint32_t i = 0; i < domain->mapping_count; i++) {
        const struct mapping *mapping = &domain->mappings[i];

        if (mapping->memory == memory && !is_shown(domain, memory, mapping->first_page, mapping->pages, 1))
            return false;
    }
    return true;
}

/* ---- folding ---- */

/* The snapshot below `memory`, if it is of use to nobody else. */
static struct memory *sole_parent(const struct memory *memory)
{
    struct memory *parent = memory->parent;

    return parent && parent->snapshot && parent->object.references == 1 &&
                   parent->object.payer == memory->object.payer
               ? parent
               : NULL;
}

/* Leaf `index` of `lower` comes up to `upper`, but for pages of which that has its own. */
static void pull_leaf(struct memory *lower, struct memory *upper, uint32_t index)
{
    struct domain *payer = lower->object.payer;
    uint64_t *from = lower->leaves[index], *to = upper->leaves[index];

    lower->leaves[index] = NULL;
    if (!to)
        upper->leaves[index] = from;
    for (uint32_t i = 0; i < MEMORY_LEAF_PAGES; i++) {
        if (!from[i])
            continue;
        lower->resident--;
        if (to && to[i]) {
            frame_free(payer, from[i]);
            continue;
        }
        upper->resident++;
        if (to)
            to[i] = from[i];
    }
    if (to)
        kernel_free(payer, from, PAGE_BYTES);
}

/* Some of what `lower` holds comes up to `upper`; false: it holds nothing. */
static bool pull_step(struct memory *lower, struct memory *upper)
{
    if (!lower->leaves)
        return false;
    if (!upper->leaves) {
        upper->leaves = lower->leaves;
        upper->resident = lower->resident;
        lower->leaves = NULL;
        lower->resident = 0;
        return true;
    }
    for (uint32_t i = 0; i < LEAVES; i++) {
        if (lower->leaves[i]) {
            pull_leaf(lower, upper, i);
            return true;
        }
    }
    kernel_free(lower->object.payer, lower->leaves, PAGE_BYTES);
    lower->leaves = NULL;
    return true;
}

/* One bounded step with the chain below `memory`; false: nothing can be folded any more. */
static bool fold_step(struct memory *memory)
{
    for (struct memory *upper = memory; upper; upper = upper->parent) {
        struct memory *lower = sole_parent(upper);

        if (!lower)
            continue;
        if (pull_step(lower, upper))
            return true;
        upper->parent = lower->parent;
        lower->parent = NULL;
        if (!upper->pager) {
            upper->pager = lower->pager;
            lower->pager = NULL;
        }
        object_release(&lower->object);
        return true;
    }
    return false;
}

/* ---- the snapshot ---- */

/* What `memory` holds becomes its parent's. */
static int64_t split(struct memory *memory)
{
    struct memory *base;

    memory->exclusive = 1;
    if (!memory->resident && !memory->pager)
        return PD_OK;
    if (!memory_is_shallow(memory)) /* what has ended may still have clones */
        return reap_step() ? PD_AGAIN : PD_TOO_LARGE;
    base = memory_create(memory->object.payer, memory->pages);
    if (!base)
        return PD_NO_QUOTA;
    base->leaves = memory->leaves;
    base->resident = memory->resident;
    base->parent = memory->parent;
    base->frozen = base->snapshot = 1;
    base->pager = memory->pager;
    memory->pager = NULL;
    memory->leaves = NULL;
    memory->resident = 0;
    memory->parent = base;
    memory->protected_pages = 0;
    return PD_OK;
}

/* Pages [first, first + pages) of the memory, where `mapping` shows them, are not written without a fault. */
static void protect(struct domain *domain, const struct mapping *mapping, uint32_t first, uint32_t pages)
{
    uint32_t end = first + pages, mapped_end = mapping->first_page + mapping->pages;
    uint32_t page = first > mapping->first_page ? first : mapping->first_page;

    if (end > mapped_end)
        end = mapped_end;
    while (page < end) {
        uint64_t address = mapping->start + (uint64_t)(page - mapping->first_page) * PAGE_BYTES;
        uint64_t *entry = mmu_lookup(domain->root, address);
        uint32_t next = page + TABLE_PAGES - (uint32_t)(address / PAGE_BYTES % TABLE_PAGES);

        for (; page < next && page < end; page++)
            if (entry)
                *entry++ &= ~PTE_WRITABLE;
            else
                page = next - 1;
    }
}

/* One bounded step; false: there are more. What the snapshot does not hold is not there to be written. */
static bool protect_step(struct domain *domain, struct memory *memory)
{
    uint64_t **leaves = memory->parent ? memory->parent->leaves : NULL;
    uint32_t limit = PROTECT_STEP_LEAVES;

    while (leaves && limit && memory->protected_pages < memory->pages) {
        uint32_t first = memory->protected_pages;

        memory->protected_pages = first + MEMORY_LEAF_PAGES;
        if (!leaves[first / MEMORY_LEAF_PAGES])
            continue;
        limit--;
        for (uint32_t i = 0; i < domain->mapping_count; i++)
            if (domain->mappings[i].memory == memory)
                protect(domain, &domain->mappings[i], first, MEMORY_LEAF_PAGES);
    }
    if (!leaves || memory->protected_pages > memory->pages)
        memory->protected_pages = memory->pages;
    address_space_changed(domain->root);
    return memory->protected_pages == memory->pages;
}

/* ---- the clone ---- */

/* What a clone of `memory` has below it: the memory itself if nobody can write it, NULL if nothing has been written. */
static int64_t base_step(struct domain *domain, struct memory *memory, uint64_t *flags, struct memory **base)
{
    int64_t status = PD_OK;

    *base = memory;
    if (memory->frozen)
        return PD_OK;
    if (memory->physical || memory->object.payer != domain)
        return PD_NO_RIGHT;
    if (!(*flags & CLONE_UNFINISHED)) {
        if (!is_private(domain, memory))
            return PD_BUSY;
        if (fold_step(memory))
            return PD_AGAIN;
        status = split(memory);
    }
    if (status != PD_OK)
        return status;
    *flags |= CLONE_UNFINISHED;
    *base = memory->parent;
    return memory->protected_pages == memory->pages || protect_step(domain, memory) ? PD_OK : PD_AGAIN;
}

/* The clone that `destination` has for another part of the same memory, or a new one; with a reference for the caller. */
static struct memory *clone_for(struct domain *destination, const struct mapping *mapping, struct memory *base)
{
    struct memory *clone;

    for (uint32_t i = 0; base && i < destination->mapping_count; i++) {
        clone = destination->mappings[i].memory;
        if (clone->parent == base && clone->exclusive && clone->object.payer == destination && !clone->resident &&
            memory_shown_once(destination, clone, mapping->first_page, mapping->pages)) {
            object_hold(&clone->object);
            return clone;
        }
    }
    clone = base ? memory_clone(destination, base) : memory_create(destination, mapping->memory->pages);
    if (clone)
        clone->exclusive = 1;
    return clone;
}

/* Where the name of `clone` goes, if it is to have one: NULL also if it has it there already. */
static int64_t place_for_name(struct domain *destination, const struct memory *clone, uint64_t slot,
                              struct capability **place)
{
    struct capability *found;
    int64_t status;

    *place = NULL;
    if (!slot)
        return PD_OK;
    status = capability_reserve(&destination->table, destination, slot, &found);
    if (status == PD_SLOT_TAKEN && found->object == &clone->object)
        return PD_OK;
    *place = found;
    return status;
}

int64_t clone_mapping(struct domain *domain, const struct mapping *mapping, struct domain *destination, uint64_t slot,
                      uint64_t *flags)
{
    struct capability *place;
    struct memory *base, *clone;
    int64_t status = base_step(domain, mapping->memory, flags, &base);

    if (status != PD_OK)
        return status;
    if (base && !memory_is_shallow(base))
        return PD_TOO_LARGE;
    clone = clone_for(destination, mapping, base);
    if (!clone)
        return PD_NO_QUOTA;
    status = place_for_name(destination, clone, slot, &place);
    if (status == PD_OK)
        status = domain_map(destination, clone, mapping->start, mapping->first_page, mapping->pages, mapping->protection,
                            false);
    if (status == PD_OK && place)
        capability_fill(place, &clone->object, RIGHT_ALL, 0, NULL);
    object_release(&clone->object);
    return status;
}
