/* SPDX-License-Identifier: MIT */
/*
 * Pipes.
 *
 * Rule: the bytes lie in the outbox, which no rollback takes back; which of them count say the two indices in the region.
 * Bytes are written behind the committed ones only, so that what a dead incarnation had written is not there, and what it
 * had taken is.
 */
#ifndef SERVERS_PROC_PIPE_H
#define SERVERS_PROC_PIPE_H

#include <stdint.h>

#include "abi/proc.h"

/* A pipe that nobody holds, empty; PROC_PIPES if there is none. */
uint32_t pipe_new(void);

/* Bytes in it. */
uint32_t pipe_bytes(uint32_t pipe);

/* Put `bytes` bytes behind the others; there must be room for them. */
void pipe_put(uint32_t pipe, const void *from, uint32_t bytes);

/* Take out the first `bytes` bytes, which must be there; where they lie: for pipe_copy() in the same transaction. */
uint32_t pipe_take(uint32_t pipe, uint32_t bytes);
void pipe_copy(uint32_t pipe, uint32_t position, void *to, uint32_t bytes);

#endif
