/* SPDX-License-Identifier: MIT */
/* User-level paging: pages of a memory that a service fills when they are first touched.
 * Rule: to ask the pager is a call like any other, made for the thread that faulted; so it waits, runs again after a crash, and
 * is poison if it kills, as a call does. Its request is in the thread's registers, and the thread's own are kept aside.
 */
#pragma once
#include "kernel/memory.h"

struct pager {
    struct portal *portal;
    uint32_t operation;
    uint64_t word;
    uint64_t offset_bytes; /* of the memory's first page */
};

struct page_request;

/* The memory that is asked for a page that nobody from `memory` down to its last parent has; NULL: it is zero. */
static inline struct memory *pager_of(struct memory *memory)
{
    while (memory && !memory->pager)
        memory = memory->parent;
    return memory;
}

/* Make the call for `thread`, which touched `address`. False: it cannot be made. Afterwards the thread tries again, and if
 * the page was not filled, `page_lost` is set. */
bool pager_ask(struct thread *thread, uint64_t address, uint8_t access);

/* The page that `caller`, which asks, lends: its frame. It stays until pager_returned. */
uint64_t pager_lend(struct thread *caller);
void pager_returned(struct thread *caller, struct page_request *request);

/* The call has ended, and its result is in the registers; or the thread has. */
void pager_done(struct thread *thread);

/* MEMORY_SET_PAGER. */
int64_t pager_set(struct thread *self, struct memory *memory);
void pager_forget(struct memory *memory);
