/* SPDX-License-Identifier: MIT */
/* Address spaces (Intel SDM vol. 3A, 4.5: 4-level paging). Rule: the upper half of every address space is the
 * kernel's and equal everywhere; tables of the lower half belong to one domain, which pays for them. Entries are
 * changed here and in ipc/transaction code that holds a pointer to an entry; whoever takes rights away from the
 * current address space must flush (mmu_flush_page), all others rely on the CR3 write of the next switch.
 */
#pragma once
#include "kernel/object.h"
#include "kernel/x86_64/address.h"
#include "kernel/x86_64/cpu.h"

#define PTE_PRESENT 0x001ull
#define PTE_WRITABLE 0x002ull
#define PTE_USER 0x004ull
#define PTE_UNCACHED 0x010ull
#define PTE_ACCESSED 0x020ull
#define PTE_DIRTY 0x040ull
#define PTE_LENT 0x200ull           /* software: was writable, is read-only while it is lent `in` */
#define PTE_LENT_ONE (1ull << 52)   /* software: to so many calls */
#define PTE_LENT_COUNT (0x7full << 52)
#define PTE_NO_EXECUTE (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define USER_END 0x00007ffffffff000ull /* first address that user memory may not reach */

/* A root table with the kernel's half in place; 0: no memory. */
uint64_t mmu_create(struct domain *payer);

/* The last-level entry of user address `address`; NULL if its table is not there and `create` is false, or there
 * is no memory for it. */
uint64_t *mmu_entry(uint64_t root, uint64_t address, bool create, struct domain *payer);

/* The same without making anything, unrolled for the path of lent pages. */
static inline uint64_t *mmu_lookup(uint64_t root, uint64_t address)
{
    const uint64_t *table = (const uint64_t *)physical_to_pointer(root);
    uint64_t entry = table[address >> 39 & 511];

    if (unlikely(!(entry & PTE_PRESENT)))
        return NULL;
    table = (const uint64_t *)physical_to_pointer(entry & PTE_ADDRESS);
    entry = table[address >> 30 & 511];
    if (unlikely(!(entry & PTE_PRESENT)))
        return NULL;
    table = (const uint64_t *)physical_to_pointer(entry & PTE_ADDRESS);
    entry = table[address >> 21 & 511];
    if (unlikely(!(entry & PTE_PRESENT)))
        return NULL;
    return (uint64_t *)physical_to_pointer(entry & PTE_ADDRESS) + (address >> 12 & 511);
}

/* Free the tables on the way to `address` that have become empty. Not for tables that somebody holds a pointer into. */
void mmu_trim(uint64_t root, uint64_t address, struct domain *payer);

/* Free one table (or the root, when no other is left) of the lower half; true: there is more to do. */
bool mmu_free_step(uint64_t root, struct domain *payer);

static inline void mmu_flush_page(uint64_t address)
{
    cpu_invalidate_page(address);
}

static inline void words_zero(void *at, uint64_t quadwords)
{
    __asm__ volatile("rep stosq" : "+D"(at), "+c"(quadwords) : "a"(0) : "memory");
}

static inline void words_copy(void *to, const void *from, uint64_t quadwords)
{
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(quadwords) : : "memory");
}

static inline void page_zero(void *page)
{
    words_zero(page, PAGE_BYTES / 8);
}
