/* SPDX-License-Identifier: MIT */
/* What programs of this folder that check with children share: CHECK counts in `failures` what does not hold, and says it. */
#ifndef TESTS_PROGRAMS_CHECKS_H
#define TESTS_PROGRAMS_CHECKS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define CHECK(condition) check((condition) != 0, #condition, __FILE__, __LINE__)

static int failures;

static void check(int holds, const char *what, const char *file, int line)
{
    const char *slash = strrchr(file, '/');

    if (!holds) {
        printf("%s:%d: %s (errno %d)\n", slash ? slash + 1 : file, line, what, errno);
        failures++;
    }
}

/* The status of this child. */
static int status_of(pid_t child)
{
    int status = -1;

    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

#endif
