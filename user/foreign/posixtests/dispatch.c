/* SPDX-License-Identifier: MIT */
/* The program of one interface's tests: runs the one that the program's own name says (.../TEST.test), or its first argument. */
#include <stdio.h>
#include <string.h>

#include "dispatch.h"

int main(int argument_count, char **arguments)
{
    const char *slash = strrchr(arguments[0], '/');
    const char *name = slash ? slash + 1 : arguments[0];
    size_t length = strcspn(name, ".");

    if (!strstr(name, ".test")) {
        if (argument_count < 2) {
            fprintf(stderr, "usage: %s TEST\n", name);
            return DISPATCH_NO_SUCH_TEST;
        }
        argument_count--;
        arguments++;
        name = arguments[0];
        length = strlen(name);
    }
    for (const struct test *test = tests; test->name; test++) {
        if (strlen(test->name) == length && strncmp(test->name, name, length) == 0) {
            return test->run(argument_count, arguments);
        }
    }
    fprintf(stderr, "%s: no such test\n", name);
    return DISPATCH_NO_SUCH_TEST;
}
