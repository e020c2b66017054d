/* SPDX-License-Identifier: MIT */
/* Random numbers that follow from a seed alone, and commands of the build machine. */
#ifndef TESTS_HOST_RANDOM_H
#define TESTS_HOST_RANDOM_H

#include <stdint.h>

void host_seed(uint64_t seed);
uint64_t host_random(void);

/* A number below `limit` (at least 1). */
uint64_t host_below(uint64_t limit);

/* Run a command of the build machine; its exit status. */
int host_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
