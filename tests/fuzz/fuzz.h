/* SPDX-License-Identifier: MIT */
/*
 * What every fuzzed program has.
 *
 * Rule: one file fuzz_NAME.c is one program. It says in one of its first lines which sources it is linked with, as a unit
 * test does, and how many runs `make test` gives it (runs:). fuzz_one() takes any bytes whatever and ends; what must hold
 * afterwards it checks with fuzz_must(). fuzz_seed() makes the inputs to begin with, so that none is kept as a file.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_SEED_BYTES 65536

/* One input. */
void fuzz_one(const uint8_t *data, size_t bytes);

/* Write seed number `index` to `room` (FUZZ_SEED_BYTES): its length, 0 after the last one. */
size_t fuzz_seed(unsigned index, uint8_t *room);

/* Before the first input. */
void fuzz_begin(void);

#define fuzz_must(condition)                                                    \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                            \
        }                                                                       \
    } while (0)

/* An input is read from its front; past the end there are zeros. */
struct fuzz_input {
    const uint8_t *data;
    size_t bytes;
};

/* The next `width` bytes (at most 8) as a number. */
uint64_t fuzz_take(struct fuzz_input *input, unsigned width);

/* A word that one byte names if it is below FUZZ_SMALL or one of `constants`; any other follows, in 2 or 8 bytes. */
uint64_t fuzz_take_word(struct fuzz_input *input, const uint64_t *constants, unsigned count);

#define FUZZ_SMALL 0x90

#endif
