/* SPDX-License-Identifier: MIT */
/* Kernel memory for objects: chunks of a few sizes, cut from slabs of one frame. A slab belongs to the domain that
 * pays for what is in it and goes back with its last chunk, so that what a domain keeps, and how it scatters it, takes
 * no memory from any other. More than the largest chunk is a frame of its own. */
#include "kernel/object.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/memory.h"
#include "kernel/notification.h"
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/mmu.h"

struct slab {
    struct slab *next, *previous; /* in the list of slabs with room, of its owner and class */
    struct free_chunk *free;
    uint32_t used;
};

struct free_chunk {
    struct free_chunk *next;
};

#define SLAB_HEADER_BYTES 64u
_Static_assert(sizeof(struct slab) <= SLAB_HEADER_BYTES, "the header takes the place of the smallest chunk");

/* So many bytes that 63, 31, 15, 7 and 3 fit beside the header; FXSAVE wants multiples of 16. */
static const uint16_t chunk_bytes[SLAB_CLASSES] = {64, 128, 256, 576, 1344};

static struct slab *kernel_slabs[SLAB_CLASSES]; /* of what no domain pays for */
static uint64_t chunks_taken;

static struct slab **slabs_of(struct domain *payer, uint32_t class)
{
    return payer ? &payer->slabs[class] : &kernel_slabs[class];
}

static uint32_t class_of(size_t bytes)
{
    uint32_t class = 0;

    while (class < SLAB_CLASSES && bytes > chunk_bytes[class])
        class++;
    return class;
}

static void slab_link(struct slab **list, struct slab *slab)
{
    slab->previous = NULL;
    slab->next = *list;
    if (*list)
        (*list)->previous = slab;
    *list = slab;
}

static void slab_unlink(struct slab **list, struct slab *slab)
{
    if (slab->next)
        slab->next->previous = slab->previous;
    if (slab->previous)
        slab->previous->next = slab->next;
    else
        *list = slab->next;
}

static struct slab *slab_make(struct domain *payer, uint32_t class)
{
    uint64_t frame = frame_allocate(payer);
    struct slab *slab = physical_to_pointer(frame);

    if (!frame)
        return NULL;
    *slab = (struct slab){0};
    for (size_t at = SLAB_HEADER_BYTES; at + chunk_bytes[class] <= PAGE_BYTES; at += chunk_bytes[class]) {
        struct free_chunk *chunk = (struct free_chunk *)(void *)((char *)slab + at);

        chunk->next = slab->free;
        slab->free = chunk;
    }
    slab_link(slabs_of(payer, class), slab);
    return slab;
}

void *kernel_allocate(struct domain *payer, size_t bytes)
{
    uint32_t class = class_of(bytes);
    struct free_chunk *chunk;
    struct slab *slab;

    if (class == SLAB_CLASSES) {
        uint64_t frame = frame_allocate_zeroed(payer);

        chunks_taken += frame != 0;
        return frame ? physical_to_pointer(frame) : NULL;
    }
    slab = *slabs_of(payer, class) ? *slabs_of(payer, class) : slab_make(payer, class);
    if (!slab)
        return NULL;
    chunk = slab->free;
    slab->free = chunk->next;
    slab->used++;
    chunks_taken++;
    if (!slab->free)
        slab_unlink(slabs_of(payer, class), slab);
    words_zero(chunk, chunk_bytes[class] / 8);
    return chunk;
}

void kernel_free(struct domain *payer, void *memory, size_t bytes)
{
    uint32_t class = class_of(bytes);
    struct free_chunk *chunk = memory;
    struct slab *slab = (struct slab *)((uint64_t)memory & ~(uint64_t)(PAGE_BYTES - 1));

    chunks_taken--;
    if (class == SLAB_CLASSES) {
        frame_free(payer, pointer_to_physical(memory));
        return;
    }
    if (!slab->free)
        slab_link(slabs_of(payer, class), slab);
    chunk->next = slab->free;
    slab->free = chunk;
    if (--slab->used)
        return;
    slab_unlink(slabs_of(payer, class), slab);
    frame_free(payer, pointer_to_physical(slab));
}

uint64_t kernel_chunks(void)
{
    return chunks_taken;
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
    case OBJECT_SERVICE:
        service_unnamed(service_of(object));
        break;
    default:
        break;
    }
}

void object_release(struct object *object)
{
    struct domain *payer = object->payer;
    struct service *service = NULL;

    if (--object->references)
        return;
    object->references = 1; /* so that its end may hold and release it */
    object_destroy(object);
    if (--object->references)
        return;
    if (object->type == OBJECT_PORTAL)
        service = ((struct portal *)object)->service; /* a portal keeps its service, even when it is closed */
    kernel_free(payer, object_memory(object), object_bytes(object->type));
    if (service)
        object_release(&service->object);
    if (payer)
        object_release(&payer->object);
}
