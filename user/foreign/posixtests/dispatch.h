/* SPDX-License-Identifier: MIT */
/* The tests of one program; link.py writes the table. */
#ifndef POSIXTESTS_DISPATCH_H
#define POSIXTESTS_DISPATCH_H

/* Exit status, apart from those of the suite (posixtest.h). */
#define DISPATCH_NO_SUCH_TEST 100

struct test {
    const char *name; /* NULL ends the table */
    int (*run)(int argument_count, char **arguments);
};

extern const struct test tests[];

#endif
