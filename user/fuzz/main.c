/* SPDX-License-Identifier: MIT */
/*
 * fuzz [-n CALLS] [-s SEED]: random and half-valid system calls. The kernel must answer each, and every service must work
 * as before.
 *
 *     generate.c   one random call
 *     check.c      whether the system still works
 *
 * Rule: what may legitimately end or block the program itself is not made (see generate.c), so a program that does not
 * reach its verdict has found something.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "user/fuzz/fuzz.h"

#define CHECK_EVERY 100000

static int usage(void)
{
    fputs("usage: fuzz [-n CALLS] [-s SEED]\n", stderr);
    return 2;
}

static void print_statuses(const struct fuzz_counts *counts)
{
    printf("fuzz: answers:");
    for (int index = 0; index < FUZZ_STATUSES; index++) {
        if (counts->by_status[index]) {
            printf(" %d:%lu", -index, counts->by_status[index]);
        }
    }
    printf(" other:%lu\n", counts->other);
}

static int run(uint64_t calls, struct fuzz_counts *counts)
{
    uint64_t step = calls / 10 ? calls / 10 : 1;

    for (uint64_t done = 1; done <= calls; done++) {
        fuzz_count(counts, fuzz_one_call());
        if (done % CHECK_EVERY == 0 && fuzz_check() != 0) {
            printf("fuzz: after %lu calls\n", done);
            return -1;
        }
        if (done % step == 0) {
            printf("fuzz: %lu calls\n", done);
            fflush(stdout);
        }
    }
    return fuzz_check();
}

int main(int argument_count, char **arguments)
{
    struct fuzz_counts counts = {0};
    uint64_t calls = 1000000;
    uint64_t seed = 1;
    int option;
    int result;

    while ((option = getopt(argument_count, arguments, "n:s:")) != -1) {
        switch (option) {
        case 'n':
            calls = strtoull(optarg, NULL, 10);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        default:
            return usage();
        }
    }
    fuzz_start(seed);
    result = fuzz_check() != 0 ? -1 : run(calls, &counts);
    print_statuses(&counts);
    printf("fuzz: seed %lu, %lu calls, %s\n", seed, calls, result == 0 ? "everything works" : "something is broken");
    return result == 0 ? 0 : 1;
}
