/* SPDX-License-Identifier: MIT */
/*
 * Running a program: from the payload or the system bundle if its name has no slash, else from the disk.
 *
 * Rule: a program that could not be started has the status 127, as if it had ended so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "newlib/children.h"
#include "perdure/syscall.h"
#include "user/shell/shell.h"

#define STATUS_NOT_STARTED 127

static void redirect(const struct command_line *line, struct startup_stream streams[3])
{
    glue_child_streams(streams);
    if (line->input) {
        streams[0] = (struct startup_stream){STARTUP_FILE, 0, O_RDONLY, line->input};
    } else if (line->background) {
        streams[0] = (struct startup_stream){.kind = STARTUP_NULL};
    }
    if (line->output) {
        streams[1] = (struct startup_stream){
            STARTUP_FILE, 0, (uint64_t)(O_WRONLY | O_CREAT | (line->append ? O_APPEND : O_TRUNC)), line->output};
    }
}

/* Status of a program that has ended, as the shell counts it. */
static int status_of(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void say_why_not(const char *name, const struct spawn_failure *failure)
{
    if (failure->reason) {
        fprintf(stderr, "%s: cannot be started: %s%s%s\n", name, failure->reason, failure->status ? ": " : "",
                failure->status ? pd_status_text(failure->status) : "");
    } else if (errno == ENOENT) {
        fprintf(stderr, "%s: no such command or program (help lists the commands)\n", name);
    } else {
        fprintf(stderr, "%s: cannot be started: %s\n", name, strerror(errno));
    }
}

int launch(const struct command_line *line)
{
    struct startup_stream streams[3];
    struct spawn_failure failure;
    pid_t program;
    int status;

    redirect(line, streams);
    fflush(stdout);
    program = glue_child_start(line->words[0], line->words, environ, streams, 0, &failure);
    if (program < 0) {
        say_why_not(line->words[0], &failure);
        return STATUS_NOT_STARTED;
    }
    if (line->background) {
        printf("[%d] %s\n", (int)program, line->words[0]);
        return 0;
    }
    if (waitpid(program, &status, 0) < 0) {
        return complain("wait", line->words[0]);
    }
    return status_of(status);
}

void launch_report_ended(void)
{
    int status;
    pid_t program;

    while ((program = waitpid(-1, &status, WNOHANG)) > 0) {
        printf("[%d] ended with status %d\n", (int)program, status_of(status));
    }
}
