/* SPDX-License-Identifier: MIT */
/* The record of the last operations. Rule: nothing is printed while all is well. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/fsx/world.h"

#define KEPT 16
#define LINE_BYTES 400
#define DIFFERENCES_SHOWN 5

static char lines[KEPT][LINE_BYTES];
static uint64_t said;
static uint64_t count;

void say(const char *format, ...)
{
    char *line = lines[said++ % KEPT];
    int length = snprintf(line, LINE_BYTES, "%lu: ", (unsigned long)operation_number);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + length, LINE_BYTES - (size_t)length, format, arguments);
    va_end(arguments);
}

static void show_history(void)
{
    uint64_t first = said > KEPT ? said - KEPT : 0;

    for (uint64_t index = first; index < said; index++) {
        printf("    %s\n", lines[index % KEPT]);
    }
}

void differ(const char *format, ...)
{
    va_list arguments;

    if (count++ >= DIFFERENCES_SHOWN) {
        return;
    }
    printf("fsx: difference at operation %lu: ", (unsigned long)operation_number);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    show_history();
    fflush(stdout);
}

bool expect(int64_t result, int due_errno)
{
    int reason = result < 0 ? errno : 0;

    if (reason == due_errno) {
        return true;
    }
    differ("%s where %s was due", reason ? strerror(reason) : "success",
           due_errno ? strerror(due_errno) : "success");
    return false;
}

uint64_t differences(void)
{
    return count;
}
