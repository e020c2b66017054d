/* SPDX-License-Identifier: MIT */
/* A bitmap of taken slots, first fit. Rule: a bit is set exactly while somebody owns the slot. */
#include "perdure/slots.h"
#include "perdure/domain.h"

#define SLOT_WORDS (CAPABILITY_SLOTS / 64)

_Static_assert(SLOT_FREE == 64, "the first word of the bitmap is the well-known slots");

static uint64_t taken[SLOT_WORDS] = {~(uint64_t)0};

uint32_t pd_slot_take(void)
{
    for (uint32_t word = 1; word < SLOT_WORDS; word++) {
        if (~taken[word]) {
            uint32_t bit = (uint32_t)__builtin_ctzl(~taken[word]);

            taken[word] |= (uint64_t)1 << bit;
            return word * 64 + bit;
        }
    }
    return 0;
}

void pd_slot_give(uint32_t slot)
{
    if (slot >= SLOT_FREE && slot < CAPABILITY_SLOTS) {
        taken[slot / 64] &= ~((uint64_t)1 << slot % 64);
    }
}

int pd_slot_is_taken(uint32_t slot)
{
    return (int)(taken[slot / 64] >> slot % 64 & 1);
}

void pd_slot_drop(uint32_t slot)
{
    if (slot) {
        pd_delete(SLOT_SELF_DOMAIN, slot);
        pd_slot_give(slot);
    }
}
