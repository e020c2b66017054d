/* SPDX-License-Identifier: MIT */
/* This process: number, parent, group, end. Rule: what the process service says; without one a program is alone. */
#include <sched.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "newlib/proc.h"
#include "perdure/domain.h"
#include "perdure/thread.h"

pid_t getpid(void)
{
    return glue_proc_ready() == 0 ? (pid_t)glue_process : (pid_t)glue_startup->process_number;
}

pid_t getppid(void)
{
    struct pd_call call = {0};

    return glue_proc_call(PROC_GROUP, &call) < 0 ? (pid_t)glue_startup->parent_number : (pid_t)call.word[1];
}

pid_t getpgid(pid_t number)
{
    return (pid_t)glue_result(glue_proc(PROC_GROUP, (uint64_t)number, 0, 0));
}

pid_t getpgrp(void)
{
    return getpgid(0);
}

int setpgid(pid_t number, pid_t group)
{
    return (int)glue_result(glue_proc(PROC_SET_GROUP, (uint64_t)number, (uint64_t)group, 0));
}

/* There is one terminal and one session. */
pid_t setsid(void)
{
    return setpgid(0, 0) == 0 ? getpid() : -1;
}

pid_t getsid(pid_t number)
{
    return number == 0 ? getpgrp() : getpgid(number);
}

pid_t tcgetpgrp(int fd)
{
    return isatty(fd) ? (pid_t)glue_result(glue_proc(PROC_FOREGROUND, 0, 0, 0)) : -1;
}

int tcsetpgrp(int fd, pid_t group)
{
    return isatty(fd) && glue_result(glue_proc(PROC_FOREGROUND, (uint64_t)group, 0, 0)) >= 0 ? 0 : -1;
}

void _exit(int status)
{
    if (glue_process) {
        glue_proc(PROC_EXIT, (uint64_t)status & 0xff, 0, 0);
    }
    pd_exit((uint64_t)status & 0xff);
}

int sched_yield(void)
{
    return pd_yield() == PD_OK ? 0 : -1;
}
