/* SPDX-License-Identifier: MIT */
/* Programs that this program has started: a child's number is its place here plus FIRST_CHILD. */
#ifndef NEWLIB_CHILDREN_H
#define NEWLIB_CHILDREN_H

#include <sys/types.h>

#include "spawn/spawn.h"

#define GLUE_CHILDREN 62

/* Send a signal to a child: those that end a program kill it, others are refused with EPERM. 0 or -1 and errno. */
int glue_child_kill(pid_t number, int signal_number);

/*
 * Start `path` (found by program_find() if it has no '/', then in the directories of PATH) with these streams. `quota_pages` 0
 * gives it half of what this program has left. The child's number, or -1 and errno; *failure says more.
 */
pid_t glue_child_start(const char *path, char *const arguments[], char *const environment[],
                       const struct startup_stream streams[3], uint64_t quota_pages,
                       struct spawn_failure *failure);

/* The streams that a child gets if nothing else is asked for: this program's own console streams. */
void glue_child_streams(struct startup_stream streams[3]);

/* Number and name of the child at `index` that has not been waited for; 0 if there is none there. */
pid_t glue_child_at(unsigned index, const char **name);

#endif
