/* SPDX-License-Identifier: MIT */
/*
 * Bindings by the time at which they are due: a binary heap.
 *
 * Rule: a binding is in it at most once, and no entry is due before its parent, entry (n - 1) / 2. Nothing
 * here knows what a binding is.
 */
#ifndef SERVERS_TIMER_HEAP_H
#define SERVERS_TIMER_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/timer.h"

struct heap_entry {
    uint64_t due_ns;
    uint32_t binding;
};

/*
 * What an entry adds to the heap's sum; it is there for whoever doubts that what was put in is what is in.
 * The factor is odd, so that bindings do not cancel out.
 */
#define HEAP_SUMMAND(binding, due_ns) ((due_ns) + (uint64_t)(binding) * 0x9e3779b97f4a7c15u)

#define HEAP_NOT_IN 0 /* no time at which anything is due */

struct heap {
    uint64_t sum;
    uint32_t count;
    struct heap_entry entries[TIMER_WAITERS];
};

/* Put a binding in, or change the time at which it is due. False: it is full. */
bool heap_put(struct heap *heap, uint32_t binding, uint64_t due_ns);

/* Take a binding out, if it is in. */
void heap_remove(struct heap *heap, uint32_t binding);

/* Whether a binding is in. */
bool heap_has(const struct heap *heap, uint32_t binding);

/* The entry that is due first, NULL if there is none. */
const struct heap_entry *heap_first(const struct heap *heap);

#endif
