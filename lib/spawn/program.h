/* SPDX-License-Identifier: MIT */
/*
 * What init, the shell and the C library have in common when they start programs.
 *
 * Rule: a program that may start others has the capabilities that a child needs in the well-known slots: boot page,
 * bundles, and RIGHT_GRANT on the services. It passes the same on.
 */
#ifndef SPAWN_PROGRAM_H
#define SPAWN_PROGRAM_H

#include "spawn/spawn.h"

/* Where a program maps the bundles, read-only. */
#define SYSTEM_BUNDLE_ADDRESS 0x200000000ul
#define PAYLOAD_ADDRESS 0x280000000ul

/* Services a program is bound to, and slots it gets copies of, besides what spawn_start() gives everyone. */
#define PROGRAM_SERVICES 3
#define PROGRAM_CAPABILITIES 6

/* A bundle and where it is readable; bytes 0 if there is none. */
struct program_bundle {
    uint32_t memory_slot;
    const void *mapped;
    uint64_t bytes;
};

/* Map the bundle in `memory_slot` at `address`, once. Returns it with bytes 0 if the slot is empty. */
struct program_bundle program_bundle_open(uint32_t memory_slot, uint64_t address);

/* Program `name` of the payload or the system bundle: 1 and *image, or 0. */
int program_find(const char *name, struct spawn_image *image);

/*
 * The usual capabilities: console, fs and rng bound at their well-known slots, and RIGHT_GRANT on them, the boot page
 * and the bundles passed on. What the caller does not have itself is left out. Fills the tables and *request.
 */
void program_capabilities(struct spawn_request *request, struct spawn_service services[PROGRAM_SERVICES],
                          struct spawn_capability capabilities[PROGRAM_CAPABILITIES]);

#endif
