/* SPDX-License-Identifier: MIT */
/* One row. Rule: what reading the clock costs is measured the same way and taken off. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perdure/thread.h"
#include "user/bench/bench.h"

#define WARM_UP 32

static uint64_t samples[BENCH_SAMPLES_MAXIMUM];
static uint64_t next_mark = 1;

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;

    return (*a > *b) - (*a < *b);
}

static int nothing(uint64_t iteration)
{
    (void)iteration;
    return 0;
}

/* Ticks of one measurement of an operation that does nothing. */
static uint64_t clock_cost(void)
{
    bench_operation *volatile operation = nothing;
    uint64_t least = UINT64_MAX;

    for (uint64_t turn = 0; turn < 100; turn++) {
        uint64_t start = pd_ticks();
        int result = operation(turn);
        uint64_t ticks = pd_ticks() - start;

        least = result == 0 && ticks < least ? ticks : least;
    }
    return least;
}

int bench_failed(const char *name, const char *what)
{
    printf("bench %s failed: %s: %s\n", name, what, strerror(errno));
    return -1;
}

int bench_wanted(const char *wanted, const char *name)
{
    return !wanted || strcmp(wanted, name) == 0;
}

static int timing_pass(const struct bench_row *row)
{
    uint64_t cost = clock_cost();

    for (uint32_t turn = 0; turn < WARM_UP + row->iterations; turn++) {
        uint64_t start = pd_ticks();
        int result = row->operation(turn);
        uint64_t ticks = pd_ticks() - start;

        if (result != 0) {
            return bench_failed(row->name, "operation");
        }
        if (turn >= WARM_UP) {
            samples[turn - WARM_UP] = ticks > cost ? ticks - cost : 0;
        }
        if (row->between && row->between(turn) != 0) {
            return bench_failed(row->name, "between operations");
        }
    }
    return 0;
}

/* The operation alone between two marks; *first and *last are their numbers. */
static int counting_pass(const struct bench_row *row, uint64_t *first, uint64_t *last)
{
    if (row->before_counting && row->before_counting(0) != 0) {
        return bench_failed(row->name, "before counting");
    }
    *first = next_mark++;
    *last = next_mark++;
    pd_mark(*first);
    for (uint32_t turn = 0; turn < row->counted; turn++) {
        if (row->operation(turn) != 0) {
            return bench_failed(row->name, "counted operation");
        }
    }
    pd_mark(*last);
    return 0;
}

static void print(const char *name, uint32_t count)
{
    qsort(samples, count, sizeof samples[0], compare);
    printf("bench %s instructions=%lu minimum=%lu maximum=%lu iterations=%u", name, samples[count / 2], samples[0],
           samples[count - 1], (unsigned)count);
}

int bench_measure(const struct bench_row *row)
{
    uint64_t first;
    uint64_t last;

    if (timing_pass(row) != 0 || counting_pass(row, &first, &last) != 0) {
        return -1;
    }
    print(row->name, row->iterations);
    printf(" counted=%u marks=%lu,%lu\n", (unsigned)row->counted, first, last);
    return 0;
}

void bench_report(const char *name, uint64_t *values, uint32_t count)
{
    memcpy(samples, values, count * sizeof samples[0]);
    print(name, count);
    putchar('\n');
}
