/* SPDX-License-Identifier: MIT */
/*
 * bench: what calls, recoveries and file operations cost, as a program sees them.
 *
 *     measure.c   one row: timing pass, counting pass, the line that says so
 *     calls.c     system calls and service calls
 *     files.c     file operations through the C library
 *     memory.c    notifications, page faults, mappings
 *     processes.c pipes and starting programs, through the C library
 *     recovery.c  from the fault to the reply of the call that runs again
 *     switches.c  to another thread and back, by the scheduling service
 *
 * Each row prints one line
 *     bench NAME instructions=MEDIAN minimum=M maximum=M iterations=N counted=K marks=A,B
 * where the first numbers are ticks of the time-stamp counter less those of an operation that does nothing (one tick is
 * one instruction under instruction counting), and between marks A and B (THREAD_MARK) the operation ran K times and nothing else,
 * so that an observer can count what instructions do not show. Row `empty` has no operation between its marks.
 *
 * Rule: a row that cannot be measured says why and makes the exit status 1; no figure is printed for it.
 */
#ifndef USER_BENCH_BENCH_H
#define USER_BENCH_BENCH_H

#include <stdint.h>

#define BENCH_SAMPLES_MAXIMUM 10000

/* As its argument: the program that row spawn_wait starts, which ends at once. */
#define BENCH_LEAVE "leave"

/* One operation; `iteration` counts from 0. 0, or -1 with errno when it failed. */
typedef int bench_operation(uint64_t iteration);

struct bench_row {
    const char *name;
    bench_operation *operation;
    bench_operation *between; /* after each operation, outside of what is measured; may be NULL */
    uint32_t iterations;      /* at most BENCH_SAMPLES_MAXIMUM */
    uint32_t counted;         /* of the counting pass */
    bench_operation *before_counting; /* may be NULL */
};

/* Measure one row and print its line. 0, or -1 after saying what failed. */
int bench_measure(const struct bench_row *row);

/* Print the line of a row from samples taken elsewhere. They are sorted. */
void bench_report(const char *name, uint64_t *samples, uint32_t count);

/* Say that a row failed; returns -1. */
int bench_failed(const char *name, const char *what);

/* The groups of rows: the number of rows that failed. `wanted` picks one row by name, NULL all. */
int bench_calls(const char *wanted);
int bench_files(const char *wanted);
int bench_recovery(const char *wanted);
int bench_processes(const char *wanted);
int bench_switches(const char *wanted);
int bench_memory(const char *wanted);

/* Whether row `name` is wanted. */
int bench_wanted(const char *wanted, const char *name);

#endif
