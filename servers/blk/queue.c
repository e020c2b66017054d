/* SPDX-License-Identifier: MIT */
/* The virtqueue. Rule: queue.h. */
#include "queue.h"

#include <stddef.h>

#define DESCRIPTOR_NEXT          1
#define DESCRIPTOR_DEVICE_WRITES 2
#define AVAILABLE_NO_INTERRUPT   1

void queue_start(struct queue *queue, struct queue_memory *memory)
{
    uint64_t *words = (uint64_t *)memory;

    for (size_t index = 0; index < sizeof(*memory) / sizeof(uint64_t); index++) {
        words[index] = 0;
    }
    memory->available.flags = AVAILABLE_NO_INTERRUPT;
    queue->memory = memory;
    queue->submitted = 0;
}

void queue_submit(struct queue *queue, const struct queue_segment *segments, uint32_t count)
{
    struct queue_memory *memory = queue->memory;

    for (uint32_t index = 0; index < count; index++) {
        bool last = index + 1 == count;

        memory->descriptors[index] = (struct queue_descriptor){
            .address = segments[index].address,
            .bytes = segments[index].bytes,
            .flags = (uint16_t)((last ? 0 : DESCRIPTOR_NEXT) |
                                (segments[index].device_writes ? DESCRIPTOR_DEVICE_WRITES : 0)),
            .next = (uint16_t)(last ? 0 : index + 1),
        };
    }
    memory->available.ring[queue->submitted % QUEUE_ENTRIES] = 0;
    queue->submitted++;
    /* The device reads the ring no sooner than it sees the index (2.6.13). */
    __atomic_store_n(&memory->available.index, queue->submitted, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

enum queue_state queue_poll(const struct queue *queue)
{
    const struct queue_used *used = &queue->memory->used;
    uint16_t index = __atomic_load_n(&used->index, __ATOMIC_ACQUIRE);

    if (index == (uint16_t)(queue->submitted - 1)) {
        return QUEUE_WAITING;
    }
    if (index != queue->submitted || used->ring[(uint16_t)(index - 1) % QUEUE_ENTRIES].id != 0) {
        return QUEUE_BROKEN;
    }
    return QUEUE_DONE;
}
