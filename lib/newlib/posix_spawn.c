/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn: the shortest way to start a program.
 *
 * Rule: file actions are done to a copy of the descriptor table, from which the child inherits; what they open is opened by
 * the child itself. Of the attributes the process group is heeded; signals are as after an exec.
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
    pid_t group;
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
    if (action->fd < 0 || action->fd >= GLUE_DESCRIPTORS) {
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

static int apply(struct child_files *files, const posix_spawn_file_actions_t *actions)
{
    int problem = 0;

    for (unsigned index = 0; actions && *actions && index < (*actions)->count && !problem; index++) {
        const struct action *action = &(*actions)->action[index];

        if (action->kind == ACTION_OPEN) {
            problem = glue_files_open(files, action->fd, action->path, action->flags);
        } else if (action->kind == ACTION_CLOSE) {
            problem = glue_files_close(files, action->fd);
        } else {
            problem = glue_files_dup2(files, action->source, action->fd);
        }
    }
    return problem;
}

int posix_spawnp(pid_t *restrict number, const char *restrict path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *restrict attributes, char *const arguments[], char *const environment[])
{
    static struct child_files files;
    struct child_options options = {.files = &files};
    struct spawn_failure failure;
    int problem;
    pid_t child;

    if (attributes && *attributes && (*attributes)->flags & POSIX_SPAWN_SETPGROUP) {
        options.set_group = 1;
        options.group = (*attributes)->group;
    }
    glue_files_begin(&files);
    problem = apply(&files, actions);
    if (problem) {
        return problem;
    }
    child = glue_child_start(path, arguments, environment ? environment : environ, &options, &failure);
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

int posix_spawnattr_setpgroup(posix_spawnattr_t *attributes, pid_t group)
{
    (*attributes)->group = group;
    return 0;
}

int posix_spawnattr_getpgroup(const posix_spawnattr_t *restrict attributes, pid_t *restrict group)
{
    *group = (*attributes)->group;
    return 0;
}
