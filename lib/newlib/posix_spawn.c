/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn: the only way to start a program.
 *
 * Rule: of the descriptors a child gets 0, 1 and 2. What they lead to can be set by file actions: open (by path, in the
 * child), close, and dup2 from a descriptor that is a console stream; other descriptors stay behind. Attributes are accepted
 * and change nothing.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "newlib/children.h"
#include "newlib/glue.h"

#define ACTIONS_MAXIMUM 16

enum action_kind { ACTION_OPEN, ACTION_CLOSE, ACTION_DUP2 };

struct action {
    enum action_kind kind;
    int fd;
    int source; /* of a dup2 */
    int flags;  /* of an open */
    char *path;
};

struct __posix_spawn_file_actions {
    unsigned count;
    struct action action[ACTIONS_MAXIMUM];
};

struct __posix_spawnattr {
    short flags;
};

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
    *actions = calloc(1, sizeof **actions);
    return *actions ? 0 : ENOMEM;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
    for (unsigned index = 0; index < (*actions)->count; index++) {
        free((*actions)->action[index].path);
    }
    free(*actions);
    *actions = NULL;
    return 0;
}

static int add(posix_spawn_file_actions_t *actions, const struct action *action)
{
    if (action->fd < 0 || (action->kind != ACTION_CLOSE && action->fd > 2)) {
        return EBADF;
    }
    if ((*actions)->count == ACTIONS_MAXIMUM) {
        return ENOMEM;
    }
    (*actions)->action[(*actions)->count++] = *action;
    return 0;
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int fd,
                                     const char *restrict path, int flags, mode_t mode)
{
    struct action action = {ACTION_OPEN, fd, 0, flags, strdup(path)};
    int problem = action.path ? add(actions, &action) : ENOMEM;

    (void)mode;
    if (problem) {
        free(action.path);
    }
    return problem;
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int source, int fd)
{
    const struct action action = {ACTION_DUP2, fd, source, 0, NULL};

    return add(actions, &action);
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
    const struct action action = {ACTION_CLOSE, fd, 0, 0, NULL};

    return add(actions, &action);
}

/* Where a dup2 leads: another stream of the child, or a console descriptor of this program. 0 or an errno. */
static int duplicate(struct startup_stream streams[3], const struct action *action)
{
    const struct open_file *file;

    if (action->source >= 0 && action->source <= 2) {
        streams[action->fd] = streams[action->source];
        return 0;
    }
    file = glue_file(action->source);
    if (!file) {
        return EBADF;
    }
    if (file->kind != OPEN_CONSOLE) {
        return ENOTSUP;
    }
    streams[action->fd] = (struct startup_stream){STARTUP_CONSOLE, file->handle, 0, NULL};
    return 0;
}

static int apply(struct startup_stream streams[3], const posix_spawn_file_actions_t *actions)
{
    for (unsigned index = 0; actions && *actions && index < (*actions)->count; index++) {
        const struct action *action = &(*actions)->action[index];
        int problem = 0;

        if (action->fd > 2) {
            continue;
        }
        if (action->kind == ACTION_OPEN) {
            streams[action->fd] = (struct startup_stream){STARTUP_FILE, 0, (uint64_t)action->flags, action->path};
        } else if (action->kind == ACTION_CLOSE) {
            streams[action->fd] = (struct startup_stream){.kind = STARTUP_CLOSED};
        } else {
            problem = duplicate(streams, action);
        }
        if (problem) {
            return problem;
        }
    }
    return 0;
}

int posix_spawnp(pid_t *restrict number, const char *restrict path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *restrict attributes, char *const arguments[], char *const environment[])
{
    struct startup_stream streams[3];
    struct spawn_failure failure;
    int problem;
    pid_t child;

    (void)attributes;
    glue_child_streams(streams);
    problem = apply(streams, actions);
    if (problem) {
        return problem;
    }
    child = glue_child_start(path, arguments, environment ? environment : environ, streams, 0, &failure);
    if (child < 0) {
        return errno;
    }
    if (number) {
        *number = child;
    }
    return 0;
}

int posix_spawn(pid_t *restrict number, const char *restrict path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *restrict attributes, char *const arguments[], char *const environment[])
{
    return posix_spawnp(number, path, actions, attributes, arguments, environment);
}

int posix_spawnattr_init(posix_spawnattr_t *attributes)
{
    *attributes = calloc(1, sizeof **attributes);
    return *attributes ? 0 : ENOMEM;
}

int posix_spawnattr_destroy(posix_spawnattr_t *attributes)
{
    free(*attributes);
    *attributes = NULL;
    return 0;
}

int posix_spawnattr_setflags(posix_spawnattr_t *attributes, short flags)
{
    (*attributes)->flags = flags;
    return 0;
}

int posix_spawnattr_getflags(const posix_spawnattr_t *restrict attributes, short *restrict flags)
{
    *flags = (*attributes)->flags;
    return 0;
}
