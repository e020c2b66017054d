/* SPDX-License-Identifier: MIT */
/*
 * Copying sectors. Rule: a copy is looked at before it is believed (where it has come to an end, and its outermost words):
 * sectors that went astray would be read or written again and again, and nobody further up could tell. A difference ends
 * the incarnation, and the transfer is made again by the next one.
 */
#ifndef SERVERS_BLK_COPY_H
#define SERVERS_BLK_COPY_H

#include "servers/common/server.h"
#include "state.h"

/* Copies `count` (1 or more) sectors, which are those from `first` on of the disk, and notes which they were. */
static inline void copy_sectors(void *to, const void *from, uint64_t first, uint32_t count)
{
    uint64_t *to_end = to;
    const uint64_t *from_end = from;
    size_t words = (size_t)count * (BLK_SECTOR_BYTES / sizeof(uint64_t));
    size_t left = words;

    __asm__ volatile("rep movsq" : "+D"(to_end), "+S"(from_end), "+c"(left) : : "memory");
    if (left != 0 || to_end != (uint64_t *)to + words || from_end != (const uint64_t *)from + words ||
        *(uint64_t *)to != *(const uint64_t *)from || to_end[-1] != from_end[-1]) {
        server_panic(BLK_PANIC_COPY);
    }
    block_service.moved = (struct transfer){.first = first, .count = count};
}

#endif
