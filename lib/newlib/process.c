/* SPDX-License-Identifier: MIT */
/*
 * The program itself and signals within it.
 *
 * Rule: signals are an affair inside one program: newlib's raise() calls handlers, and what has no handler ends the
 * program with 128 + the signal's number. There is no fork, so what needs it answers ENOSYS.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "newlib/children.h"
#include "newlib/glue.h"

static sigset_t blocked;

pid_t glue_process_number(void)
{
    return glue_startup ? (pid_t)glue_startup->process_number : 1;
}

pid_t getpid(void)
{
    return glue_process_number();
}

pid_t getppid(void)
{
    return glue_startup ? (pid_t)glue_startup->parent_number : 0;
}

pid_t getpgrp(void)
{
    return glue_process_number();
}

pid_t getpgid(pid_t number)
{
    return number ? number : getpid();
}

int setpgid(pid_t number, pid_t group)
{
    (void)number;
    (void)group;
    return 0;
}

pid_t setsid(void)
{
    return getpid();
}

/* The default actions of signals that are not ignored by default: end the program. */
static int act_by_default(int signal_number)
{
    switch (signal_number) {
    case 0:
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
    case SIGCONT:
        return 0;
    default:
        _exit(128 + signal_number);
    }
}

int kill(pid_t number, int signal_number)
{
    if (signal_number < 0 || signal_number >= NSIG) {
        errno = EINVAL;
        return -1;
    }
    if (number == getpid() || number == 0) {
        return act_by_default(signal_number);
    }
    return glue_child_kill(number, signal_number);
}

int killpg(pid_t group, int signal_number)
{
    return kill(group, signal_number);
}

int sigaction(int signal_number, const struct sigaction *action, struct sigaction *before)
{
    _sig_func_ptr old;

    if (signal_number <= 0 || signal_number >= NSIG || (action && signal_number == SIGKILL)) {
        errno = EINVAL;
        return -1;
    }
    old = signal(signal_number, action ? action->sa_handler : SIG_DFL);
    if (!action) {
        signal(signal_number, old);
    }
    if (before) {
        *before = (struct sigaction){.sa_handler = old};
    }
    return 0;
}

/* Signals come only from the program itself, at calls to raise(); a mask is remembered and nothing more. */
int sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
    if (before) {
        *before = blocked;
    }
    if (!set) {
        return 0;
    }
    switch (how) {
    case SIG_BLOCK:
        blocked |= *set;
        return 0;
    case SIG_UNBLOCK:
        blocked &= ~*set;
        return 0;
    case SIG_SETMASK:
        blocked = *set;
        return 0;
    default:
        errno = EINVAL;
        return -1;
    }
}

int sigpending(sigset_t *set)
{
    *set = 0;
    return 0;
}

/* What cannot be here for want of fork(). */
static int no_fork(void)
{
    errno = ENOSYS;
    return -1;
}

pid_t fork(void)
{
    return no_fork();
}

pid_t vfork(void)
{
    return no_fork();
}

int execve(const char *path, char *const arguments[], char *const environment[])
{
    (void)path;
    (void)arguments;
    (void)environment;
    return no_fork();
}

int execv(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

int execvp(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

int pipe(int descriptors[2])
{
    (void)descriptors;
    return no_fork();
}

FILE *popen(const char *command, const char *mode)
{
    (void)command;
    (void)mode;
    no_fork();
    return NULL;
}

int pclose(FILE *stream)
{
    (void)stream;
    errno = EINVAL;
    return -1;
}

/* There is no command interpreter that a program could call: NULL asks just that. */
int system(const char *command)
{
    return command ? no_fork() : 0;
}

int pause(void)
{
    for (;;) {
        sleep(1000);
    }
}
