/* SPDX-License-Identifier: MIT */
/* Capability tables and the derivation tree: see capability.h. Freestanding, also built for host tests. */
#include "kernel/capability.h"

static struct capability empty_page[CAPABILITIES_PER_PAGE] __attribute__((aligned(4096)));

void capability_table_initialise(struct capability_table *table)
{
    for (unsigned i = 0; i < CAPABILITY_PAGES; i++)
        table->page[i] = empty_page;
}

int64_t capability_reserve(struct capability_table *table, struct domain *payer, uint64_t slot,
                           struct capability **found)
{
    uint64_t page = slot / CAPABILITIES_PER_PAGE;

    if (!slot || slot >= CAPABILITY_SLOTS - 1 || slot - SLOT_ARRIVED < CALL_CAPABILITIES + USED_PLACES)
        return PD_BAD_ARGUMENT;
    if (table->page[page] == empty_page) {
        struct capability *fresh = kernel_allocate(payer, sizeof(empty_page));

        if (!fresh)
            return PD_NO_QUOTA;
        table->page[page] = fresh;
    }
    *found = &table->page[page][slot % CAPABILITIES_PER_PAGE];
    return (*found)->type == OBJECT_NONE ? PD_OK : PD_SLOT_TAKEN;
}

static void link_child(struct capability *parent, struct capability *child)
{
    child->parent = parent;
    child->previous_sibling = NULL;
    child->next_sibling = parent->first_child;
    if (parent->first_child)
        parent->first_child->previous_sibling = child;
    parent->first_child = child;
}

static void unlink_child(struct capability *child)
{
    if (child->next_sibling)
        child->next_sibling->previous_sibling = child->previous_sibling;
    if (child->previous_sibling)
        child->previous_sibling->next_sibling = child->next_sibling;
    else if (child->parent)
        child->parent->first_child = child->next_sibling;
}

void capability_fill(struct capability *slot, struct object *object, uint8_t rights, uint32_t badge,
                     struct capability *parent)
{
    if (parent && parent->leaf)
        parent = parent->parent;
    object_hold(object);
    *slot = (struct capability){.type = object->type, .rights = rights, .badge = badge, .object = object};
    if (parent)
        link_child(parent, slot);
}

static void move_child(struct capability *child, struct capability *parent)
{
    unlink_child(child);
    child->moving = 0; /* what it would have moved is gone */
    child->parent = NULL;
    child->previous_sibling = child->next_sibling = NULL;
    if (parent)
        link_child(parent, child);
}

bool capability_delete_step(struct capability *slot, unsigned *limit)
{
    struct object *object = slot->object;

    if (slot->type == OBJECT_NONE)
        return true;
    for (; slot->first_child; --*limit) {
        if (!*limit)
            return false;
        move_child(slot->first_child, slot->parent);
    }
    if (!*limit)
        return false;
    --*limit;
    unlink_child(slot);
    *slot = (struct capability){.type = OBJECT_NONE};
    object_release(object);
    return true;
}

void capability_clear(struct capability *slot)
{
    unsigned limit = 1;

    capability_delete_step(slot, &limit);
}

void capability_replace(struct capability *slot, struct capability *source, uint8_t rights, uint32_t badge)
{
    unsigned limit = 2; /* the arrival is handed up */

    capability_fill(slot, source->object, rights, badge, source->parent);
    capability_delete_step(source, &limit);
}

/* Whatever has children hands them up to `slot` first, so that nothing is looked at twice. */
bool capability_revoke_step(struct capability *slot, unsigned limit)
{
    while (slot->first_child) {
        struct capability *child = slot->first_child;

        if (!limit)
            return false;
        if (child->first_child) {
            move_child(child->first_child, slot);
            limit--;
        } else {
            capability_delete_step(child, &limit);
        }
    }
    return true;
}

bool capability_table_clear_step(struct capability_table *table, struct domain *payer, unsigned limit)
{
    for (unsigned page = 0; page < CAPABILITY_PAGES; page++) {
        if (table->page[page] == empty_page)
            continue;
        for (unsigned i = 0; i < CAPABILITIES_PER_PAGE; i++)
            if (!capability_delete_step(&table->page[page][i], &limit))
                return false;
        kernel_free(payer, table->page[page], sizeof(empty_page));
        table->page[page] = empty_page;
    }
    return true;
}
