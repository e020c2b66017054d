/* SPDX-License-Identifier: MIT */
/*
 * What sched knows: the policies in the service region, each client's entries in its SSR, and the table of runners.
 *
 * Rule: the table is a cache. All of it follows from the SSRs, from the kernel's account of what is attached, and from the
 * region; recovery makes it again.
 */
#ifndef SERVERS_SCHED_STATE_H
#define SERVERS_SCHED_STATE_H

#include "policy.h"

/* Codes of the panics, as the fault record shows them. */
enum sched_panic_code {
    SCHED_PANIC_CALL = 0x73630001, /* what a call did or answered was not confirmed */
    SCHED_PANIC_TIME               /* the time at which to decide again is past */
};

extern struct table sched_table;

static inline bool entry_is_used(const struct sched_entry *entry)
{
    return entry->tickets != 0;
}

/* The region of this transaction. */
struct sched_region *sched_region(void);

/* Could these be what a committed transaction left? (The checksums, the kernel's business, held already.) */
bool entries_are_valid(const struct sched_ssr *ssr);
bool region_is_valid(const struct sched_region *region);

/* The runner of an entry, NULL if there is none. */
struct runner *table_find(struct table *table, uint32_t binding, uint32_t entry);

/*
 * The runner of an entry as the SSR has it, which is made if there is none. What the kernel says and was told of it stays.
 * NULL: the table is full.
 */
struct runner *table_put(struct table *table, uint32_t binding, uint32_t entry, const struct sched_entry *from);

/* Take a runner out; others may change places. */
void table_remove(struct table *table, struct runner *runner);

/* Where the runner differs from the SSR. */
uint32_t runner_differences(const struct runner *runner, const struct sched_entry *entry);

#endif
