/* SPDX-License-Identifier: MIT */
/* Building the start-up block, apart from the system calls so that it can be tested on the host. */
#ifndef SPAWN_BLOCK_H
#define SPAWN_BLOCK_H

#include "spawn/spawn.h"

/* Bytes that the block of `request` takes, a multiple of 8. */
uint64_t startup_bytes(const struct spawn_request *request);

/*
 * Write the block of `request` into `room` (room_bytes, zeroed, 8-aligned) for a program that will find it at
 * `address`. Returns 0, or -1 if it does not fit.
 */
int startup_build(void *room, uint64_t room_bytes, uint64_t address, const struct spawn_request *request);

#endif
