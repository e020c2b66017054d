/* SPDX-License-Identifier: MIT */
/* Memory objects. Rule: a capability to memory is needed to map it, not to keep it mapped. */
#ifndef PERDURE_MEMORY_H
#define PERDURE_MEMORY_H

#include "perdure/syscall.h"

static inline int64_t pd_memory_info(uint32_t memory, uint64_t *pages, uint64_t *resident_pages,
                                     uint64_t *physical_address)
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(memory, MEMORY_INFO, &call);

    *pages = call.word[0];
    *resident_pages = call.word[1];
    *physical_address = call.word[2];
    return status;
}

/* A copy-on-write child in `new_slot`. */
static inline int64_t pd_memory_clone(uint32_t memory, uint32_t new_slot)
{
    return pd_invoke_4(memory, MEMORY_CLONE, new_slot, 0, 0, 0);
}

/* Whole pages that `bytes` bytes need. */
static inline uint64_t pd_pages(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

/*
 * Pages of `memory` that are not there are filled by a service: who touches one calls `operation` through `portal` with the
 * words (word, PAGE_BYTES, offset_bytes + place of the page in the memory, access) and lends the page to be written.
 */
static inline int64_t pd_set_pager(uint32_t memory, uint32_t portal, uint32_t operation, uint64_t word,
                                   uint64_t offset_bytes)
{
    return pd_invoke_4(memory, MEMORY_SET_PAGER, portal, operation, word, offset_bytes);
}

#endif
