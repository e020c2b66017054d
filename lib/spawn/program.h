/* SPDX-License-Identifier: MIT */
/*
 * What init, the shell and the C library have in common when they start programs.
 *
 * Rule: a program that may start others has the capabilities that a child needs in the well-known slots: boot page,
 * bundles, the account, and RIGHT_GRANT on the services. It passes the same on.
 */
#ifndef SPAWN_PROGRAM_H
#define SPAWN_PROGRAM_H

#include "abi/manifest.h"
#include "spawn/spawn.h"

/* Where a program maps the bundles, read-only. */
#define SYSTEM_BUNDLE_ADDRESS 0x200000000ul
#define PAYLOAD_ADDRESS 0x280000000ul

/* Services a program is bound to, and slots it gets copies of, besides what spawn_start() gives everyone. */
#define PROGRAM_SERVICES MANIFEST_PROGRAM_SERVICES
#define PROGRAM_CAPABILITIES (MANIFEST_SERVICES + 4)

/* Map the bundles that the caller holds, once. Called by the others of this file. */
void program_bundles(void);

/* In a copy of a program, where they are not mapped: map them when they are needed. */
void program_bundles_forget(void);

/* Where bundle 0 or 1 is mapped, and its size: 0 if it is not. */
uint64_t program_bundle_at(unsigned index, uint64_t *bytes);

/* Program `name` of the payload or, failing that, of the system bundle, where images of services are passed over: 1 and
 * *image, or 0. */
int program_find(const char *name, struct spawn_image *image);

/* The same, of the system bundle only. */
int program_find_system(const char *name, struct spawn_image *image);

/*
 * The usual capabilities: the services that the manifest has for programs, bound at their slots, and RIGHT_GRANT on them; the boot
 * page, the bundles and the account passed on. To a `supervisor`, too, the right to crash every service and to look at it. What the caller
 * does not have is left out. Fills the tables and *request.
 */
void program_capabilities(struct spawn_request *request, struct spawn_service services[PROGRAM_SERVICES],
                          struct spawn_capability capabilities[PROGRAM_CAPABILITIES], int supervisor);

/* This domain supervises no more: what is left are the usual capabilities. */
void program_end_supervision(void);

#endif
