/* SPDX-License-Identifier: MIT */
/* err(3) and its kin. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "newlib/glue.h"

static void message(int reason, const char *format, va_list arguments)
{
    const char *name = glue_startup && glue_startup->argument_count ? glue_startup->arguments[0] : "?";
    const char *slash = strrchr(name, '/');

    fprintf(stderr, "%s: ", slash ? slash + 1 : name);
    if (format) {
        vfprintf(stderr, format, arguments);
    }
    if (reason) {
        fprintf(stderr, "%s%s", format ? ": " : "", strerror(reason));
    }
    fputc('\n', stderr);
}

void vwarn(const char *format, va_list arguments)
{
    message(errno, format, arguments);
}

void vwarnx(const char *format, va_list arguments)
{
    message(0, format, arguments);
}

void verr(int status, const char *format, va_list arguments)
{
    message(errno, format, arguments);
    exit(status);
}

void verrx(int status, const char *format, va_list arguments)
{
    message(0, format, arguments);
    exit(status);
}

void warn(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vwarn(format, arguments);
    va_end(arguments);
}

void warnx(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vwarnx(format, arguments);
    va_end(arguments);
}

void err(int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    verr(status, format, arguments);
}

void errx(int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    verrx(status, format, arguments);
}
