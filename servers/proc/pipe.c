/* SPDX-License-Identifier: MIT */
/* Pipes. Rule: pipe.h. */
#include "pipe.h"

#include "state.h"

_Static_assert((PROC_PIPE_BYTES & (PROC_PIPE_BYTES - 1)) == 0, "byte n of a pipe has one place although n wraps around");

static uint8_t *ring_of(uint32_t pipe)
{
    return (uint8_t *)server_outbox() + (uint64_t)pipe * PROC_PIPE_BYTES;
}

/* How many of `bytes` bytes from place `from` on lie before the end of the ring. */
static uint32_t straight(uint32_t from, uint32_t bytes)
{
    uint32_t to_end = PROC_PIPE_BYTES - from;

    return bytes < to_end ? bytes : to_end;
}

uint32_t pipe_new(void)
{
    uint32_t pipe = 0;

    while (pipe < PROC_PIPES && (holders.readers[pipe] || holders.writers[pipe])) {
        pipe++;
    }
    if (pipe < PROC_PIPES) {
        proc_region()->pipes[pipe] = (struct proc_pipe){0, 0};
    }
    return pipe;
}

uint32_t pipe_bytes(uint32_t pipe)
{
    const struct proc_pipe *state = &proc_region()->pipes[pipe];

    return state->written - state->taken;
}

void pipe_put(uint32_t pipe, const void *from, uint32_t bytes)
{
    struct proc_pipe *state = &proc_region()->pipes[pipe];
    uint32_t place = state->written % PROC_PIPE_BYTES;
    uint32_t first = straight(place, bytes);

    memcpy(ring_of(pipe) + place, from, first);
    memcpy(ring_of(pipe), (const uint8_t *)from + first, bytes - first);
    state->written += bytes;
}

uint32_t pipe_take(uint32_t pipe, uint32_t bytes)
{
    uint32_t position = proc_region()->pipes[pipe].taken;

    proc_region()->pipes[pipe].taken += bytes;
    return position;
}

void pipe_copy(uint32_t pipe, uint32_t position, void *to, uint32_t bytes)
{
    uint32_t place = position % PROC_PIPE_BYTES;
    uint32_t first = straight(place, bytes);

    memcpy(to, ring_of(pipe) + place, first);
    memcpy((uint8_t *)to + first, ring_of(pipe), bytes - first);
}
