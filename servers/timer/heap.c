/* SPDX-License-Identifier: MIT */
/* The heap of bindings. Rule: heap.h. */
#include "heap.h"

#include <stddef.h>

/* Where a binding is; the count if it is not in. */
static uint32_t place_of(const struct heap *heap, uint32_t binding)
{
    uint32_t place = 0;

    while (place < heap->count && heap->entries[place].binding != binding) {
        place++;
    }
    return place;
}

/* Put `entry` at the free `place` or, where its parents are due later, further up. */
static void rise(struct heap *heap, uint32_t place, struct heap_entry entry)
{
    while (place > 0 && heap->entries[(place - 1) / 2].due_ns > entry.due_ns) {
        heap->entries[place] = heap->entries[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    heap->entries[place] = entry;
}

/* Close the gap at `place` by what is below it and, at the end, by the last entry. */
static void close_gap(struct heap *heap, uint32_t place)
{
    uint32_t last = --heap->count;

    while (2 * place + 1 < last) {
        uint32_t child = 2 * place + 1;

        if (child + 1 < last && heap->entries[child + 1].due_ns < heap->entries[child].due_ns) {
            child++;
        }
        heap->entries[place] = heap->entries[child];
        place = child;
    }
    if (place != last) {
        rise(heap, place, heap->entries[last]);
    }
}

bool heap_put(struct heap *heap, uint32_t binding, uint64_t due_ns)
{
    heap_remove(heap, binding);
    if (heap->count == TIMER_WAITERS) {
        return false;
    }
    heap->sum += HEAP_SUMMAND(binding, due_ns);
    heap->count++;
    rise(heap, heap->count - 1, (struct heap_entry){due_ns, binding});
    return true;
}

void heap_remove(struct heap *heap, uint32_t binding)
{
    uint32_t place = place_of(heap, binding);

    if (place < heap->count) {
        heap->sum -= HEAP_SUMMAND(binding, heap->entries[place].due_ns);
        close_gap(heap, place);
    }
}

bool heap_has(const struct heap *heap, uint32_t binding)
{
    return place_of(heap, binding) < heap->count;
}

const struct heap_entry *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? &heap->entries[0] : NULL;
}
