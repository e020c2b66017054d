/* SPDX-License-Identifier: MIT */
/* system and popen: commands for the shell `sh`. Rule: what they start they wait for, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "newlib/images.h"

#define POPEN_MAXIMUM 16

static struct {
    FILE *stream; /* NULL: a free place */
    pid_t child;
} opened[POPEN_MAXIMUM];

/* Start `sh -c command`; its number, or -1 and errno. */
static pid_t start(const char *command, const posix_spawn_file_actions_t *actions)
{
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    pid_t child;
    int problem = posix_spawnp(&child, "sh", actions, NULL, arguments, environ);

    if (problem) {
        errno = problem;
        return -1;
    }
    return child;
}

static int wait_for(pid_t child)
{
    int status;
    pid_t got;

    do {
        got = waitpid(child, &status, 0);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -1 : status;
}

/* Is there a shell? */
static int shell_present(void)
{
    struct loaded_image image;
    int found = glue_image_find("sh", &image) == 0;

    if (found) {
        glue_image_drop(&image);
    }
    return found;
}

int system(const char *command)
{
    _sig_func_ptr interrupt;
    _sig_func_ptr quit;
    pid_t child;
    int status = -1;

    if (!command) {
        return shell_present();
    }
    child = start(command, NULL);
    if (child < 0) {
        return errno == ENOENT ? 127 << 8 : -1;
    }
    interrupt = signal(SIGINT, SIG_IGN);
    quit = signal(SIGQUIT, SIG_IGN);
    status = wait_for(child);
    signal(SIGINT, interrupt);
    signal(SIGQUIT, quit);
    return status;
}

/* The child end of the pipe becomes the child's standard stream; -1 and errno. */
static pid_t start_piped(const char *command, const int ends[2], int reading)
{
    posix_spawn_file_actions_t actions;
    pid_t child;

    if (posix_spawn_file_actions_init(&actions) != 0) {
        errno = ENOMEM;
        return -1;
    }
    posix_spawn_file_actions_adddup2(&actions, ends[reading], reading ? STDOUT_FILENO : STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    child = start(command, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

FILE *popen(const char *command, const char *mode)
{
    int reading = mode[0] == 'r';
    int place = 0;
    int ends[2];

    while (place < POPEN_MAXIMUM && opened[place].stream) {
        place++;
    }
    if ((!reading && mode[0] != 'w') || place == POPEN_MAXIMUM) {
        errno = place == POPEN_MAXIMUM ? EMFILE : EINVAL;
        return NULL;
    }
    if (pipe(ends) != 0) {
        return NULL;
    }
    fcntl(ends[!reading], F_SETFD, FD_CLOEXEC);
    opened[place].child = start_piped(command, ends, reading);
    close(ends[reading]);
    opened[place].stream = opened[place].child < 0 ? NULL : fdopen(ends[!reading], reading ? "r" : "w");
    if (!opened[place].stream) {
        close(ends[!reading]);
    }
    return opened[place].stream;
}

int pclose(FILE *stream)
{
    for (int place = 0; place < POPEN_MAXIMUM; place++) {
        if (opened[place].stream == stream && stream) {
            opened[place].stream = NULL;
            fclose(stream);
            return wait_for(opened[place].child);
        }
    }
    errno = ECHILD;
    return -1;
}
