/* SPDX-License-Identifier: MIT */
/* Programs that this program has started: what it holds of each until it has waited for it. */
#ifndef NEWLIB_CHILDREN_H
#define NEWLIB_CHILDREN_H

#include <sys/types.h>

#include "newlib/images.h"
#include "newlib/inherit.h"
#include "spawn/spawn.h"

#define GLUE_CHILDREN 40

struct child {
    struct spawn_child program;
    struct loaded_image image;
    pid_t number; /* 0: a free place */
    char name[32];
};

/* How a program is started, besides its arguments. */
struct child_options {
    const struct child_files *files;
    int supervisor; /* it gets the right to supervise services, too, if this program has it */
    int set_group;
    pid_t group; /* with set_group: its process group, 0 for one of its own */
};

/*
 * Start `path` (see glue_image_find). The child's number, or -1 and errno; *failure says more.
 */
pid_t glue_child_start(const char *path, char *const arguments[], char *const environment[],
                       const struct child_options *options, struct spawn_failure *failure);

/* A free place; NULL and EAGAIN. */
struct child *glue_child_new(const char *name);

/* The process service expects a child with these holdings: its number, and its *token; or -1 and errno. */
pid_t glue_child_announce(const struct inheritance *inheritance, uint64_t flags, uint32_t *token);

/* Fill in what every child has: numbers, capabilities and their tables, priority, the limit of its memory. */
struct child_capabilities {
    struct spawn_service services[8];
    struct spawn_capability capabilities[24];
};
void glue_child_request(struct spawn_request *request, struct child *child, uint32_t token, int supervisor,
                        struct child_capabilities *tables);

/* The child runs: wait until it needs nothing of its parent any more. */
void glue_child_started(struct child *child);

/* Give back what a child held; if it could not be started the process service forgets it. */
void glue_child_forget(struct child *child);
void glue_child_cancel(struct child *child);

/* In a copy of this program: the children are the original's. */
void glue_children_forked(void);

/* Number and name of the child at `index` that has not been waited for; 0 if there is none there. */
pid_t glue_child_at(unsigned index, const char **name);
/* Processor time of that child's main thread, services included that it has called, and its memory. */
void glue_child_usage(unsigned index, uint64_t *consumed_ns, uint64_t *used_pages);

#endif
