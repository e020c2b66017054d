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

    if (!slot || slot >= CAPABILITY_SLOTS - 1)
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
    object_hold(object);
    *slot = (struct capability){.type = object->type, .rights = rights, .badge = badge, .object = object};
    if (parent)
        link_child(parent, slot);
}

void capability_delete(struct capability *slot)
{
    struct object *object = slot->object;
    struct capability *child;

    if (slot->type == OBJECT_NONE)
        return;
    unlink_child(slot);
    while ((child = slot->first_child)) {
        unlink_child(child);
        child->parent = NULL;
        child->previous_sibling = child->next_sibling = NULL;
        if (slot->parent)
            link_child(slot->parent, child);
    }
    *slot = (struct capability){.type = OBJECT_NONE};
    object_release(object);
}

bool capability_revoke_step(struct capability *slot, unsigned limit)
{
    while (slot->first_child) {
        struct capability *leaf = slot->first_child;

        if (!limit--)
            return false;
        while (leaf->first_child)
            leaf = leaf->first_child;
        capability_delete(leaf);
    }
    return true;
}

bool capability_table_clear_step(struct capability_table *table, struct domain *payer, unsigned limit)
{
    for (unsigned page = 0; page < CAPABILITY_PAGES; page++) {
        if (table->page[page] == empty_page)
            continue;
        for (unsigned i = 0; i < CAPABILITIES_PER_PAGE; i++) {
            struct capability *slot = &table->page[page][i];

            if (slot->type == OBJECT_NONE)
                continue;
            if (!limit--)
                return false;
            capability_delete(slot);
        }
        kernel_free(payer, table->page[page], sizeof(empty_page));
        table->page[page] = empty_page;
    }
    return true;
}
