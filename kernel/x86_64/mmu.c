/* SPDX-License-Identifier: MIT */
/* Address spaces: see mmu.h. */
#include "kernel/x86_64/mmu.h"
#include "kernel/frame.h"

#define ENTRIES 512
#define USER_ENTRIES 256 /* of the root: the lower half */

uint64_t mmu_create(struct domain *payer)
{
    uint64_t root = frame_allocate_zeroed(payer);
    uint64_t *table = physical_to_pointer(root);

    if (!root)
        return 0;
    for (int i = USER_ENTRIES; i < ENTRIES; i++)
        table[i] = kernel_page_table[i];
    return root;
}

static uint64_t *next_table(uint64_t *entry, bool create, struct domain *payer)
{
    if (!(*entry & PTE_PRESENT)) {
        uint64_t frame = create ? frame_allocate_zeroed(payer) : 0;

        if (!frame)
            return NULL;
        *entry = frame | PTE_PRESENT | PTE_WRITABLE | PTE_USER;
    }
    return physical_to_pointer(*entry & PTE_ADDRESS);
}

uint64_t *mmu_entry(uint64_t root, uint64_t address, bool create, struct domain *payer)
{
    uint64_t *table = physical_to_pointer(root);

    for (int shift = 39; shift > 12; shift -= 9) {
        table = next_table(&table[address >> shift & (ENTRIES - 1)], create, payer);
        if (!table)
            return NULL;
    }
    return &table[address >> 12 & (ENTRIES - 1)];
}

/* The first present entry of the first `count`, NULL if there is none. */
static uint64_t *first_present(uint64_t *table, int count)
{
    for (int i = 0; i < count; i++)
        if (table[i] & PTE_PRESENT)
            return &table[i];
    return NULL;
}

void mmu_trim(uint64_t root, uint64_t address, struct domain *payer)
{
    uint64_t *entries[3], *table = physical_to_pointer(root);

    for (int level = 0; level < 3; level++) {
        entries[level] = &table[address >> (39 - 9 * level) & (ENTRIES - 1)];
        if (!(*entries[level] & PTE_PRESENT))
            return;
        table = physical_to_pointer(*entries[level] & PTE_ADDRESS);
    }
    for (int level = 2; level >= 0; level--) {
        uint64_t frame = *entries[level] & PTE_ADDRESS;

        if (first_present(physical_to_pointer(frame), ENTRIES))
            return;
        *entries[level] = 0;
        mmu_flush_page(address); /* the processor remembers tables, too: Intel SDM vol. 3A, 4.10.3 */
        frame_free(payer, frame);
    }
}

bool mmu_free_step(uint64_t root, struct domain *payer)
{
    uint64_t *entry = first_present(physical_to_pointer(root), USER_ENTRIES);

    if (!entry) {
        frame_free(payer, root);
        return false;
    }
    for (int level = 3; level > 1; level--) {
        uint64_t *below = first_present(physical_to_pointer(*entry & PTE_ADDRESS), ENTRIES);

        if (!below)
            break;
        entry = below;
    }
    frame_free(payer, *entry & PTE_ADDRESS);
    *entry = 0;
    return true;
}
