/* SPDX-License-Identifier: MIT */
/*
 * What proc knows: the table of processes, the pipes and the shared offsets, all in the service region
 * (struct proc_region of abi/proc.toml).
 *
 * Rule: a process holds an end of a pipe, or an offset, exactly while its bit is set in its place of the table. How many
 * hold one is counted in `holders`, which follows from the table: recovery makes it again, and AUDIT compares.
 */
#ifndef SERVERS_PROC_STATE_H
#define SERVERS_PROC_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/posix_errno.h"
#include "abi/proc.h"
#include "servers/common/server.h"

/* Codes of server_panic. */
#define PROC_PANIC_TABLE 0x70720001   /* a client's region and the table do not agree */
#define PROC_PANIC_HOLDERS 0x70720002 /* more let go of something than held it */

/* Notification bits, and those of the service's alarm. */
#define EVENT_INTERRUPT 1 /* from the console: Ctrl-C */
#define EVENT_SERVE 2     /* from proc to itself: there is more to do after the commit */
#define EVENT_TIME 4      /* the alarm: a POLL's deadline, or time to look again who waits */

_Static_assert(sizeof ((struct proc_region *)0)->alarms == PROC_PROCESSES * PROC_ALARMS * sizeof(struct proc_alarm),
               "PROC_ALARMS of each process");

/* How many processes hold what. */
struct holders {
    uint8_t readers[PROC_PIPES];
    uint8_t writers[PROC_PIPES];
    uint8_t offsets[PROC_OFFSETS];
};

extern struct holders holders;

static inline struct proc_region *proc_region(void)
{
    return server_region();
}

static inline uint32_t place_of(const struct proc_process *process)
{
    return (uint32_t)(process - proc_region()->processes);
}

/* The process with this number, NULL if there is none. */
struct proc_process *process_find(uint32_t number);

/* The process that `token` belongs to and that has not started, NULL if there is none. */
struct proc_process *process_expected(uint32_t token);

/* The process of the client whose server state region is open, NULL if it has not started. */
struct proc_process *process_self(void);

/* A new process in a free place, with number and token and a group of its own; NULL if the table is full. */
struct proc_process *process_new(uint32_t parent);

/* Take up, or let go of, ends of pipes and offsets. A pipe that nobody held begins empty. */
void process_hold(struct proc_process *process, uint64_t reads, uint64_t writes, uint32_t offsets);
void process_release(struct proc_process *process, uint64_t reads, uint64_t writes, uint32_t offsets);

/* The place becomes free; it must hold nothing any more. */
void process_forget(struct proc_process *process);

/* Count anew who holds what. */
void holders_count(struct holders *counted);

/* Could this be what a committed transaction left? (The checksums, the kernel's business, held already.) */
bool region_is_valid(const struct proc_region *region);

#endif
