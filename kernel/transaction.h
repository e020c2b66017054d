/* SPDX-License-Identifier: MIT */
/* The part of a transaction that both the fast and the slow path take: lending a region's working copy through
 * the window, and finding out at the end which of its pages were written.
 * Rule: the entries that are put into the window have the dirty bit clear; a CR3 write follows before the server
 * runs, so that the processor sets it at the first write to each page.
 */
#pragma once
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/mmu.h"

#define WINDOW_REGION_ENTRY ((WINDOW_REGION - WINDOW_SSR) / PAGE_BYTES)
#define WINDOW_LEND_ENTRY ((WINDOW_LEND - WINDOW_SSR) / PAGE_BYTES)
#define WINDOW_MESSAGE_ENTRY ((WINDOW_MESSAGE - WINDOW_SSR) / PAGE_BYTES)

static inline void window_map(uint64_t *window, const struct ssr *ssr)
{
    const uint64_t *entry = ssr->entry[ssr_working(&ssr->memory)];

    window[0] = entry[0];
    for (uint32_t i = 1; i < ssr->memory.pages; i++)
        window[i] = entry[i];
}

/* Which pages were written: bit i for page i. */
static inline uint32_t window_written(const uint64_t *window, const struct ssr *ssr)
{
    uint32_t written = window[0] / PTE_DIRTY & 1;

    for (uint32_t i = 1; i < ssr->memory.pages; i++)
        written |= (uint32_t)(window[i] / PTE_DIRTY & 1) << i;
    return written;
}

/* The check of a reply as its worker has it in its registers (REPLY_CHECKED). */
static inline uint32_t reply_check(const struct thread *worker)
{
    uint64_t sum = checksum_step(0, worker->rdi);

    sum = checksum_step(sum, worker->rsi);
    sum = checksum_step(sum, worker->rdx);
    sum = checksum_step(sum, worker->r10);
    return __builtin_ia32_crc32si((uint32_t)sum, (uint32_t)worker->r8);
}

static inline void window_unmap(uint64_t *window, const struct ssr *ssr)
{
    window[0] = 0;
    for (uint32_t i = 1; i < ssr->memory.pages; i++)
        window[i] = 0;
}
