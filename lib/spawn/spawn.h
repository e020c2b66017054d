/* SPDX-License-Identifier: MIT */
/*
 * Starting programs. Who starts a program holds the capability to its domain and learns of its end by a notification;
 * what must outlive the two is the process service's (abi/proc.toml), which is told by the callers of this.
 *
 * Rule: everything the program needs is paid for from the quota of its own domain, which shares the account's
 * (SLOT_ACCOUNT), not the parent's: it does not end with its parent. When a step fails, all that was made is taken back.
 */
#ifndef SPAWN_SPAWN_H
#define SPAWN_SPAWN_H

#include <stddef.h>
#include <stdint.h>

#include "abi/kernel.h"
#include "elf/elf.h"
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
    uint64_t badge; /* of the binding; 0: the process number */
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
    const struct startup_stream *streams;
    uint32_t stream_count;
    uint64_t process_number;
    uint64_t process_token;
    uint64_t process_started;
    uint64_t signals;
    uint64_t parent_number;
    uint64_t creation_mask;
    uint64_t limit_pages;        /* of the account, at most */
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

/* ---- The steps of it, for fork and exec (newlib/fork.c, newlib/exec.c) ---- */

/* Two parts of each segment at most: what comes straight from the file, and what is made of zeros. */
#define SPAWN_PARTS_MAXIMUM (2 * ELF_SEGMENTS_MAXIMUM)

/* One mapping of a program's image. */
struct spawn_part {
    const struct elf_segment *segment;
    uint64_t address;
    uint64_t pages;
    uint64_t first_page; /* of the file, or of the memory of all zeros */
    uint64_t protection;
    int zeros;
};

/* The mappings of a program; how many. */
uint32_t spawn_parts(const struct elf_program *program, struct spawn_part parts[SPAWN_PARTS_MAXIMUM]);

static inline uint64_t spawn_part_page(const struct spawn_part *part, const struct spawn_image *image)
{
    return part->zeros ? part->first_page : image->first_page + part->first_page;
}

static inline uint64_t spawn_part_flags(const struct spawn_part *part)
{
    return !part->zeros && part->protection & RIGHT_WRITE ? MAP_COW : 0;
}

/*
 * The memory of all zeros, paid by `domain`, with the bytes of the file that belong there, in a new slot *memory (stays
 * 0 if there are none); and the stack with the start-up block, which will be at *block. 0, or -1 and *failure.
 */
int spawn_zeros(uint32_t domain, uint32_t *memory, const struct spawn_image *image, const struct spawn_part *parts,
                uint32_t count, struct spawn_failure *failure);
int spawn_stack(uint32_t domain, uint32_t *memory, const struct spawn_request *request, uint64_t *block,
                struct spawn_failure *failure);

/* An empty domain; and everything else when its memory is there. 0, or -1 and *failure: then spawn_release(). */
int spawn_begin(const struct spawn_request *request, struct spawn_child *child, struct spawn_failure *failure);
int spawn_run(const struct spawn_request *request, struct spawn_child *child, uint64_t entry, uint64_t stack,
              uint64_t argument, struct spawn_failure *failure);

/*
 * The status of a program that has ended, as a shell counts: 0..255 its exit status, 128 + signal number for one
 * that died of a fault (by vector: SIGFPE 8, SIGILL 4, SIGTRAP 5, a page
 * that its pager did not fill SIGBUS 10, else SIGSEGV 11) or was killed (SIGKILL 9).
 * -1 while it runs. *signal (may be NULL) is the signal number, 0 after an exit.
 */
int spawn_status(const struct spawn_child *child, int *signal);

/* Give up all capabilities to a program; what still runs ends. */
void spawn_release(struct spawn_child *child);

#endif
