/* SPDX-License-Identifier: MIT */
/* What every kernel object begins with: type, life, and who pays.
 *
 * The rule. An object is alive until it is destroyed, and exists until the last reference to it goes. Whoever
 * holds a reference to a dead object sees `dead` and answers PD_DEAD; it never sees another object in its place.
 * The memory of an object is charged to `payer`'s quota until it is freed, in whole frames: those that it has alone, and
 * those that it shares with other objects of the same payer.
 */
#pragma once
#include "abi/kernel.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

#define SLAB_CLASSES 5

struct domain;
struct slab;

struct object {
    uint8_t type; /* OBJECT_* */
    uint8_t dead;
    uint32_t references;
    struct domain *payer;
};

/* A new object of `bytes` bytes, all zero but its header, charged to `payer`, with one reference that the caller
 * owns. NULL: the quota or the machine's memory is used up. */
void *object_create(struct domain *payer, uint8_t type, size_t bytes);

static inline void object_hold(struct object *object)
{
    object->references++;
}

/* Give a reference back. With the last one the object's remains are freed; what it owns must be gone by then or
 * is released by its type's last function. */
void object_release(struct object *object);

/* End the object's life (for types that own things: release those). Idempotent. */
void object_destroy(struct object *object);

/* Zeroed kernel memory of at most a page, charged to `payer` (NULL: the kernel itself). It is given back with the same
 * payer and size, before `payer` itself goes. */
void *kernel_allocate(struct domain *payer, size_t bytes);
void kernel_free(struct domain *payer, void *memory, size_t bytes);

/* How many pieces of memory have been allocated and not freed. */
uint64_t kernel_chunks(void);
