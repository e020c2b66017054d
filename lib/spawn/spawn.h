/* SPDX-License-Identifier: MIT */
/*
 * Starting programs. There is no process server: who starts a program holds the capability to its domain and
 * learns of its end by a notification.
 *
 * Rule: everything the program needs is paid for from the quota of its own domain, which its parent gives; when a
 * step fails, all that was made is taken back.
 */
#ifndef SPAWN_SPAWN_H
#define SPAWN_SPAWN_H

#include <stddef.h>
#include <stdint.h>

#include "spawn/startup.h"

/* Addresses of the caller through which it fills the memory of what it starts: [SPAWN_WINDOW, +SPAWN_WINDOW_BYTES). */
#define SPAWN_WINDOW 0x60000000ul
#define SPAWN_WINDOW_BYTES 0x08000000ul

/* Services that one program is bound to, at most. */
#define SPAWN_SERVICES_MAXIMUM 8

/* An ELF file that lies in memory: page-aligned in `memory_slot` and readable by the caller at `mapped`. */
struct spawn_image {
    uint32_t memory_slot;
    uint64_t first_page; /* of the memory: where the file begins */
    const void *mapped;
    uint64_t bytes;
};

/* A portal that the program gets: bound by the service in the caller's `service_slot`. */
struct spawn_service {
    const char *name; /* under which it finds the portal: at most 15 characters */
    uint32_t service_slot;
    uint32_t portal_slot;
};

/* A capability that the program gets a copy of. */
struct spawn_capability {
    uint32_t source_slot;
    uint32_t destination_slot;
    uint64_t rights;
};

struct spawn_request {
    const char *name;            /* shown to people; 16 characters count */
    const char *const *arguments; /* ends with NULL */
    const char *const *environment; /* ends with NULL */
    const char *working_directory; /* or NULL */
    struct startup_stream streams[3];
    uint64_t process_number;
    uint64_t parent_number;
    uint64_t creation_mask;
    uint64_t quota_pages;
    uint64_t priority;           /* 0..PRIORITY_MAXIMUM */
    uint64_t priority_limit;     /* that it may give to others; at least `priority` is meant */
    const struct spawn_service *services;
    uint32_t service_count;
    const struct spawn_capability *capabilities;
    uint32_t capability_count;
    uint32_t exit_notification;  /* slot of the caller */
    uint64_t exit_bits;          /* signalled there when the program ends */
};

/* A program that was started: slots of the caller. */
struct spawn_child {
    uint32_t domain;
    uint32_t thread;
    uint32_t sched_context;
    uint32_t stack_memory;
    uint32_t zero_memory;
    uint64_t bindings[SPAWN_SERVICES_MAXIMUM]; /* in the order of the request's services */
};

/* Why a start failed: a status of the kernel (0 if it was not the kernel) and what was being done. */
struct spawn_failure {
    int64_t status;
    const char *reason;
};

/*
 * Start a program. Returns 0, or -1 with *failure filled in; then nothing is left of it.
 * For the thread that owns the caller's slots (perdure/slots.h).
 */
int spawn_start(const struct spawn_request *request, const struct spawn_image *image, struct spawn_child *child,
                struct spawn_failure *failure);

/*
 * The status of a program that has ended, as a shell counts: 0..255 its exit status, 128 + signal number for one
 * that died of a fault (by vector: SIGFPE 8, SIGILL 4, SIGTRAP 5, else SIGSEGV 11) or was killed (SIGKILL 9).
 * -1 while it runs. *signal (may be NULL) is the signal number, 0 after an exit.
 */
int spawn_status(const struct spawn_child *child, int *signal);

/* Give up all capabilities to a program; what still runs ends. */
void spawn_release(struct spawn_child *child);

#endif
