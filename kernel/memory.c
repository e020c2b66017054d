/* SPDX-License-Identifier: MIT */
/* Memory objects: see memory.h. */
#include "kernel/memory.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/pager.h"
#include "kernel/thread.h"
#include "kernel/x86_64/mmu.h"

static struct memory *reap_list;

struct memory *memory_create(struct domain *payer, uint32_t pages)
{
    struct memory *memory = object_create(payer, OBJECT_MEMORY, sizeof(*memory));

    if (memory)
        memory->pages = pages;
    return memory;
}

struct memory *memory_create_physical(struct domain *payer, uint64_t base, uint32_t pages, bool uncached)
{
    struct memory *memory = memory_create(payer, pages);

    if (memory) {
        memory->physical = 1;
        memory->uncached = uncached;
        memory->base = base;
    }
    return memory;
}

bool memory_is_shallow(const struct memory *memory)
{
    uint32_t depth = 0;

    while ((memory = memory->parent))
        depth++;
    return depth < MEMORY_CLONE_DEPTH;
}

int64_t memory_cloneable(const struct memory *memory, uint8_t rights)
{
    if (!memory->frozen && !(rights & RIGHT_WRITE))
        return PD_NO_RIGHT;
    if (memory->writable_mappings)
        return PD_BUSY;
    return memory_is_shallow(memory) ? PD_OK : PD_TOO_LARGE;
}

struct memory *memory_clone(struct domain *payer, struct memory *parent)
{
    struct memory *memory = memory_create(payer, parent->pages);

    if (memory) {
        memory->parent = parent;
        parent->frozen = 1;
        object_hold(&parent->object);
    }
    return memory;
}

static uint64_t *frame_cell(struct memory *memory, uint32_t page)
{
    uint64_t *leaf = memory->leaves ? memory->leaves[page / MEMORY_LEAF_PAGES] : NULL;

    return leaf ? &leaf[page % MEMORY_LEAF_PAGES] : NULL;
}

uint64_t *memory_cell(struct memory *memory, uint32_t page)
{
    struct domain *payer = memory->object.payer;

    if (!memory->leaves)
        memory->leaves = kernel_allocate(payer, PAGE_BYTES);
    if (!memory->leaves)
        return NULL;
    if (!memory->leaves[page / MEMORY_LEAF_PAGES])
        memory->leaves[page / MEMORY_LEAF_PAGES] = kernel_allocate(payer, PAGE_BYTES);
    return frame_cell(memory, page);
}

uint64_t memory_frame(struct memory *memory, uint32_t page, bool *own)
{
    *own = true;
    while (page < memory->pages) {
        uint64_t *cell;

        if (memory->physical)
            return memory->base + (uint64_t)page * PAGE_BYTES;
        cell = frame_cell(memory, page);
        if (cell && *cell)
            return *cell;
        if (!memory->parent)
            return 0;
        memory = memory->parent;
        *own = false;
    }
    return 0;
}

uint64_t memory_populate(struct memory *memory, uint32_t page)
{
    bool own;
    uint64_t source = memory_frame(memory, page, &own);
    uint64_t *cell;
    uint64_t frame;

    if (source && own)
        return source;
    cell = memory_cell(memory, page);
    frame = cell ? frame_allocate(memory->object.payer) : 0;
    if (!frame)
        return 0;
    if (source)
        words_copy(physical_to_pointer(frame), physical_to_pointer(source), PAGE_BYTES / 8);
    else
        page_zero(physical_to_pointer(frame));
    *cell = frame;
    memory->resident++;
    return frame;
}

bool memory_make_contiguous(struct memory *memory)
{
    uint64_t frame;

    for (uint32_t page = 0; page < memory->pages; page++)
        if (!memory_cell(memory, page))
            return false;
    frame = frame_allocate_contiguous(memory->object.payer, memory->pages);
    if (!frame)
        return false;
    for (uint32_t page = 0; page < memory->pages; page++, frame += PAGE_BYTES) {
        page_zero(physical_to_pointer(frame));
        *frame_cell(memory, page) = frame;
    }
    memory->resident = memory->pages;
    return true;
}

void memory_end(struct memory *memory)
{
    object_hold(&memory->object); /* until memory_reap_step is done with it */
    memory->reap_next = reap_list;
    reap_list = memory;
}

static void free_leaf(struct memory *memory, uint64_t *leaf)
{
    for (uint32_t i = 0; i < MEMORY_LEAF_PAGES; i++)
        if (leaf[i])
            frame_free(memory->object.payer, leaf[i]);
    kernel_free(memory->object.payer, leaf, PAGE_BYTES);
}

bool memory_reap_step(void)
{
    struct memory *memory = reap_list;

    if (!memory)
        return false;
    for (uint32_t i = 0; memory->leaves && i < MEMORY_MAX_PAGES / MEMORY_LEAF_PAGES; i++) {
        if (memory->leaves[i]) {
            free_leaf(memory, memory->leaves[i]);
            memory->leaves[i] = NULL;
            return true;
        }
    }
    reap_list = memory->reap_next;
    if (memory->leaves)
        kernel_free(memory->object.payer, memory->leaves, PAGE_BYTES);
    memory->leaves = NULL;
    pager_forget(memory);
    if (memory->parent)
        object_release(&memory->parent->object);
    object_release(&memory->object);
    return true;
}

void memory_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct memory *memory = (struct memory *)capability->object;
    struct domain *domain = self->domain;
    struct capability *slot;
    struct memory *clone;
    int64_t status;
    bool own;

    if (!(capability->rights & RIGHT_USE)) {
        thread_status(self, PD_NO_RIGHT);
        return;
    }
    switch (operation) {
    case MEMORY_INFO:
        thread_result(self, PD_OK, memory->pages, memory->resident,
                      self->rdi < memory->pages ? memory_frame(memory, (uint32_t)self->rdi, &own) : 0);
        return;
    case MEMORY_CLONE:
        status = memory_cloneable(memory, capability->rights);
        if (status == PD_OK)
            status = capability_reserve(&domain->table, domain, self->rdi, &slot);
        clone = status == PD_OK ? memory_clone(domain, memory) : NULL;
        if (clone) {
            clone->shared = 1;
            capability_fill(slot, &clone->object, RIGHT_ALL, 0, NULL);
            object_release(&clone->object);
        } else if (status == PD_OK) {
            status = PD_NO_QUOTA;
        }
        thread_status(self, status);
        return;
    case MEMORY_SET_PAGER:
        thread_status(self, capability->rights & RIGHT_MANAGE ? pager_set(self, memory) : PD_NO_RIGHT);
        return;
    default:
        thread_status(self, PD_BAD_OPERATION);
    }
}
