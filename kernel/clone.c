/* SPDX-License-Identifier: MIT */
/* Private copies, on write, of memory that is mapped and written: what fork() is made of.
 *
 * Rule: what a memory holds becomes a snapshot, which nobody writes any more, and the memory and its clone begin as
 * children of it that hold nothing. No page of such a memory is mapped at two places, so that none of them can go on showing
 * the snapshot when the other has been written. A snapshot that nobody else needs is folded into the next one, so that a
 * program that clones itself again and again has no longer a chain than it has clones alive.
 */
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/service.h"
#include "kernel/x86_64/mmu.h"

#define PROTECT_STEP_PAGES 2048u
#define LEAVES (MEMORY_MAX_PAGES / MEMORY_LEAF_PAGES)
#define TABLE_PAGES 512u

/* ---- who maps it ---- */

bool memory_shown_once(const struct domain *domain, const struct memory *memory, uint32_t first_page, uint32_t pages)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < domain->mapping_count; i++) {
        const struct mapping *mapping = &domain->mappings[i];

        if (mapping->memory != memory)
            continue;
        count++;
        if (mapping->first_page < first_page + pages && first_page < mapping->first_page + mapping->pages)
            return false;
    }
    return count == memory->mappings;
}

/* All its mappings are of `domain`, and none shows what another shows. */
static bool is_private(const struct domain *domain, const struct memory *memory)
{
    uint64_t shown = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < domain->mapping_count; i++) {
        const struct mapping *mapping = &domain->mappings[i];

        if (mapping->memory != memory)
            continue;
        count++;
        for (uint32_t j = 0; j < i; j++) {
            const struct mapping *other = &domain->mappings[j];

            shown += other->memory == memory && other->first_page < mapping->first_page + mapping->pages &&
                     mapping->first_page < other->first_page + other->pages;
        }
    }
    return count == memory->mappings && !shown;
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

/* Leaf `index` of `from` goes down to `to`, over what is there. */
static void push_leaf(struct memory *from, struct memory *to, uint32_t index)
{
    struct domain *payer = from->object.payer;
    uint64_t *leaf = from->leaves[index], *below = to->leaves[index];

    from->leaves[index] = NULL;
    if (!below)
        to->leaves[index] = leaf;
    for (uint32_t i = 0; i < MEMORY_LEAF_PAGES; i++) {
        if (!leaf[i])
            continue;
        from->resident--;
        to->resident++;
        if (!below)
            continue;
        if (below[i]) {
            frame_free(payer, below[i]);
            to->resident--;
        }
        below[i] = leaf[i];
    }
    if (below)
        kernel_free(payer, leaf, PAGE_BYTES);
}

/* Some of what `from` holds goes down to `to`; false: it holds nothing. */
static bool push_step(struct memory *from, struct memory *to)
{
    if (!from->leaves)
        return false;
    if (!to->leaves) {
        to->leaves = from->leaves;
        to->resident = from->resident;
        from->leaves = NULL;
        from->resident = 0;
        return true;
    }
    for (uint32_t i = 0; i < LEAVES; i++) {
        if (from->leaves[i]) {
            push_leaf(from, to, i);
            return true;
        }
    }
    kernel_free(from->object.payer, from->leaves, PAGE_BYTES);
    from->leaves = NULL;
    return true;
}

/* One bounded step; false: nothing can be folded any more. */
static bool fold_step(struct memory *memory)
{
    struct memory *base = sole_parent(memory), *below = base && !base->pager ? sole_parent(base) : NULL;

    if (!base)
        return false;
    if (push_step(memory, base)) {
        memory->protected_pages = 0; /* what went down may be written where it is mapped */
        return true;
    }
    if (!below)
        return false;
    if (push_step(base, below))
        return true;
    memory->parent = below;
    memory->depth--;
    base->parent = NULL;
    object_release(&base->object);
    return true;
}

/* ---- the snapshot ---- */

/* What `memory` holds becomes its parent's. */
static int64_t split(struct memory *memory)
{
    struct memory *base;

    memory->exclusive = 1;
    if (!memory->resident && !memory->pager)
        return PD_OK;
    if (memory->depth == MEMORY_CLONE_DEPTH)
        return PD_TOO_LARGE;
    base = memory_create(memory->object.payer, memory->pages);
    if (!base)
        return PD_NO_QUOTA;
    base->leaves = memory->leaves;
    base->resident = memory->resident;
    base->parent = memory->parent;
    base->depth = memory->depth;
    base->frozen = base->snapshot = 1;
    base->pager = memory->pager;
    memory->pager = NULL;
    memory->leaves = NULL;
    memory->resident = 0;
    memory->parent = base;
    memory->depth++;
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

/* One bounded step; false: there are more. */
static bool protect_step(struct domain *domain, struct memory *memory)
{
    uint32_t pages = memory->pages - memory->protected_pages;

    if (pages > PROTECT_STEP_PAGES)
        pages = PROTECT_STEP_PAGES;
    for (uint32_t i = 0; i < domain->mapping_count; i++)
        if (domain->mappings[i].memory == memory)
            protect(domain, &domain->mappings[i], memory->protected_pages, pages);
    memory->protected_pages += pages;
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
    if (base && base->depth == MEMORY_CLONE_DEPTH)
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
