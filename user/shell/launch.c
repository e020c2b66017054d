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

static void redirect(const struct command_line *line, struct child_files *files)
{
    glue_files_begin(files);
    if (line->input || line->background) {
        glue_files_open(files, STDIN_FILENO, line->input ? line->input : "/dev/null", O_RDONLY);
    }
    if (line->output) {
        glue_files_open(files, STDOUT_FILENO, line->output, O_WRONLY | O_CREAT | (line->append ? O_APPEND : O_TRUNC));
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
    static struct child_files files;
    const struct child_options options = {.files = &files};
    struct spawn_failure failure;
    pid_t program;
    int status;

    redirect(line, &files);
    fflush(stdout);
    program = glue_child_start(line->words[0], line->words, environ, &options, &failure);
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
