/* SPDX-License-Identifier: MIT */
/* Capabilities: unforgeable names that a domain has for kernel objects, in a flat two-level table.
 *
 * The rule. A capability is derived from another (its parent) and never carries more rights than that one had
 * then; revoking deletes all that was derived, however far away. A slot that holds nothing has type OBJECT_NONE,
 * and a page of the table that was never used is one shared page of such slots, so that a look-up has no branch
 * but the bound. What has come in a message is a leaf, so that a transaction's end empties its slot in constant time.
 */
#pragma once
#include "kernel/object.h"

#define CAPABILITY_PAGES 64
#define CAPABILITIES_PER_PAGE 64

_Static_assert(CAPABILITY_PAGES * CAPABILITIES_PER_PAGE == CAPABILITY_SLOTS, "the table covers all slots");

struct capability {
    uint8_t type;   /* OBJECT_*; equal to object->type */
    uint8_t rights; /* RIGHT_* */
    uint8_t leaf;   /* it has come in a message: what is derived from it becomes derived from its parent */
    uint8_t moving; /* it has come by a move that takes effect at commit: until then its parent has no other child */
    uint32_t badge;
    struct object *object;
    struct capability *parent, *first_child, *next_sibling, *previous_sibling;
    uint64_t reserved2[2];
};
_Static_assert(sizeof(struct capability) == 64, "64 capabilities fill a page");

struct capability_table {
    struct capability *page[CAPABILITY_PAGES];
};

void capability_table_initialise(struct capability_table *table);

/* The slot's capability, never NULL: an index out of bounds finds an empty slot. Read only what it says. */
static inline struct capability *capability_at(const struct capability_table *table, uint64_t slot)
{
    uint64_t page = slot / CAPABILITIES_PER_PAGE;

    if (unlikely(page >= CAPABILITY_PAGES))
        page = CAPABILITY_PAGES - 1, slot = CAPABILITIES_PER_PAGE - 1; /* never filled */
    return &table->page[page][slot % CAPABILITIES_PER_PAGE];
}

/* An empty slot to be filled, with its table page made if needed and charged to `payer`. PD_OK,
 * PD_BAD_ARGUMENT (no such slot), PD_SLOT_TAKEN, PD_NO_QUOTA. */
int64_t capability_reserve(struct capability_table *table, struct domain *payer, uint64_t slot,
                           struct capability **found);

/* Fill a reserved slot with `object` (a reference of its own is taken) and, if `parent`, as derived from it. */
void capability_fill(struct capability *slot, struct object *object, uint8_t rights, uint32_t badge,
                     struct capability *parent);

/* Another may be derived from it: it is not on its way to somewhere else. */
static inline bool capability_derivable(const struct capability *source)
{
    const struct capability *parent = source->leaf ? source->parent : source;

    return !parent || !parent->first_child || !parent->first_child->moving;
}

/* Empty a slot that nothing is derived from. */
void capability_clear(struct capability *slot);

/* `slot`, which is empty, takes the place of `source`, of which at most its arrival is derived: the end of a move. */
void capability_replace(struct capability *slot, struct capability *source, uint8_t rights, uint32_t badge);

/* Empty a slot. What was derived from it becomes derived from its parent. Each of these takes one of `*limit`; false:
 * the limit came first, call again. */
bool capability_delete_step(struct capability *slot, unsigned *limit);

/* Delete what was derived from `slot`, in at most `limit` steps of which each capability takes one or two; true: all
 * gone. */
bool capability_revoke_step(struct capability *slot, unsigned limit);

/* Empty slots of a dead domain's table, in at most `limit` steps, and free its pages; true: all gone. */
bool capability_table_clear_step(struct capability_table *table, struct domain *payer, unsigned limit);
