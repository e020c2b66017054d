/* SPDX-License-Identifier: MIT */
/*
 * A split virtqueue (Virtual I/O Device Version 1.1, 2.6) with one request in flight.
 *
 * Rule: pure memory work; who rings the doorbell and who waits is the driver's. What the device writes is
 * looked at once and checked, for a device can be wrong.
 */
#ifndef SERVERS_BLK_QUEUE_H
#define SERVERS_BLK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_ENTRIES 8 /* a power of two; every device offers at least as many */

struct queue_descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

struct queue_available {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[QUEUE_ENTRIES];
};

struct queue_used_entry {
    uint32_t id;
    uint32_t bytes;
};

struct queue_used {
    uint16_t flags;
    uint16_t index;
    struct queue_used_entry ring[QUEUE_ENTRIES];
};

/* The memory that the device sees; zeroed before use. */
struct queue_memory {
    struct queue_descriptor descriptors[QUEUE_ENTRIES];
    struct queue_available available;
    uint8_t padding[44];
    struct queue_used used;
    uint8_t padding_2[60];
};

_Static_assert(sizeof(struct queue_descriptor) == 16, "2.6.5");
_Static_assert(sizeof(struct queue_memory) == 320, "fits a page");
_Static_assert(__builtin_offsetof(struct queue_memory, available) % 2 == 0,
               "2.6: alignment of the available ring");
_Static_assert(__builtin_offsetof(struct queue_memory, used) % 4 == 0, "2.6: alignment of the used ring");

struct queue {
    struct queue_memory *memory;
    uint16_t submitted; /* requests so far */
};

/* One stretch of memory of a request, as the device addresses it. */
struct queue_segment {
    uint64_t address;
    uint32_t bytes;
    bool device_writes;
};

enum queue_state {
    QUEUE_WAITING,
    QUEUE_DONE,
    QUEUE_BROKEN, /* the device answered something that was not asked */
};

/* Begin with an empty queue without interrupts in `memory`, which is zeroed. The device must be in reset. */
void queue_start(struct queue *queue, struct queue_memory *memory);

/* Offer one request of `count` (1..QUEUE_ENTRIES) segments. The one before must be done. */
void queue_submit(struct queue *queue, const struct queue_segment *segments, uint32_t count);

/* How the request stands. */
enum queue_state queue_poll(const struct queue *queue);

#endif
