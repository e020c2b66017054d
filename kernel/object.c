/* SPDX-License-Identifier: MIT */
/* Kernel memory for objects: size classes of powers of two, each a free list fed by whole frames. A page's worth
 * or more is a frame of its own. Frames of the classes stay with their class; each object is charged for the size
 * of its class, so that quotas cover what objects really take. */
#include "kernel/object.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/memory.h"
#include "kernel/notification.h"
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/mmu.h"

#define SMALLEST_CLASS_SHIFT 6
#define CLASSES 6 /* 64, 128, ..., 2048 bytes */

struct free_chunk {
    struct free_chunk *next;
};

static struct free_chunk *free_chunks[CLASSES];

static uint32_t class_of(size_t bytes)
{
    uint32_t class = 0;

    while (bytes > (size_t)1 << (SMALLEST_CLASS_SHIFT + class))
        class++;
    return class;
}

static bool refill(uint32_t class)
{
    size_t chunk_bytes = (size_t)1 << (SMALLEST_CLASS_SHIFT + class);
    uint64_t frame = frame_allocate(NULL);
    char *page = physical_to_pointer(frame);

    if (!frame)
        return false;
    for (size_t at = 0; at < PAGE_BYTES; at += chunk_bytes) {
        struct free_chunk *chunk = (struct free_chunk *)(void *)(page + at);

        chunk->next = free_chunks[class];
        free_chunks[class] = chunk;
    }
    return true;
}

void *kernel_allocate(struct domain *payer, size_t bytes)
{
    uint32_t class = class_of(bytes);
    size_t chunk_bytes = (size_t)1 << (SMALLEST_CLASS_SHIFT + class);
    struct free_chunk *chunk;

    if (bytes > PAGE_BYTES / 2) {
        uint64_t frame = frame_allocate_zeroed(payer);

        return frame ? physical_to_pointer(frame) : NULL;
    }
    if (!quota_charge(payer, chunk_bytes))
        return NULL;
    if (!free_chunks[class] && !refill(class)) {
        quota_refund(payer, chunk_bytes);
        return NULL;
    }
    chunk = free_chunks[class];
    free_chunks[class] = chunk->next;
    words_zero(chunk, chunk_bytes / 8);
    return chunk;
}

void kernel_free(struct domain *payer, void *memory, size_t bytes)
{
    uint32_t class = class_of(bytes);
    struct free_chunk *chunk = memory;

    if (bytes > PAGE_BYTES / 2) {
        frame_free(payer, pointer_to_physical(memory));
        return;
    }
    chunk->next = free_chunks[class];
    free_chunks[class] = chunk;
    quota_refund(payer, (size_t)1 << (SMALLEST_CLASS_SHIFT + class));
}

/* What object_release must give back for each type. */
static size_t object_bytes(uint8_t type)
{
    switch (type) {
    case OBJECT_DOMAIN:
        return sizeof(struct domain);
    case OBJECT_THREAD:
        return sizeof(struct thread);
    case OBJECT_SCHED_CONTEXT:
        return sizeof(struct sched_context);
    case OBJECT_PORTAL:
        return sizeof(struct portal);
    case OBJECT_NOTIFICATION:
        return sizeof(struct notification);
    case OBJECT_MEMORY:
        return sizeof(struct memory);
    case OBJECT_SSR:
        return sizeof(struct ssr);
    case OBJECT_SERVICE:
        return sizeof(struct service);
    case OBJECT_IRQ:
        return sizeof(struct irq);
    default:
        return sizeof(struct ioport);
    }
}

void *object_create(struct domain *payer, uint8_t type, size_t bytes)
{
    struct object *object = kernel_allocate(payer, bytes);

    if (!object)
        return NULL;
    object->type = type;
    object->references = 1;
    object->payer = payer;
    if (payer)
        object_hold(&payer->object);
    return object;
}

/* Where the memory of an object begins: threads and services keep hotter things before the header. */
static void *object_memory(struct object *object)
{
    if (object->type == OBJECT_THREAD)
        return thread_of(object);
    if (object->type == OBJECT_SERVICE)
        return service_of(object);
    return object;
}

void object_destroy(struct object *object)
{
    if (object->dead)
        return;
    object->dead = 1;
    switch (object->type) {
    case OBJECT_DOMAIN:
        domain_end((struct domain *)object);
        break;
    case OBJECT_THREAD:
        thread_end(thread_of(object));
        break;
    case OBJECT_SCHED_CONTEXT:
        sched_context_end((struct sched_context *)object);
        break;
    case OBJECT_NOTIFICATION:
        notification_end((struct notification *)object);
        break;
    case OBJECT_MEMORY:
        memory_end((struct memory *)object);
        break;
    default:
        break;
    }
}

void object_release(struct object *object)
{
    struct domain *payer = object->payer;

    if (--object->references)
        return;
    object->references = 1; /* so that its end may hold and release it */
    object_destroy(object);
    if (--object->references)
        return;
    kernel_free(payer, object_memory(object), object_bytes(object->type));
    if (payer)
        object_release(&payer->object);
}
