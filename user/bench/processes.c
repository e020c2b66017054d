/* SPDX-License-Identifier: MIT */
/* Processes and pipes, through the C library. */
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/bench/bench.h"

#define PIPE_ITERATIONS 1000
#define PIPE_COUNTED 100
#define PROCESS_ITERATIONS 30
#define PROCESS_COUNTED 10
#define REMAINS_US 5000

static int to_child[2];
static int from_child[2];

/* Send back every byte that comes. */
static _Noreturn void echo(void)
{
    char byte;

    close(to_child[1]);
    close(from_child[0]);
    while (read(to_child[0], &byte, 1) == 1 && write(from_child[1], &byte, 1) == 1) {
    }
    _exit(0);
}

/* One byte through a pipe to another process, and one back through another pipe. */
static int pipe_round_trip(uint64_t iteration)
{
    char byte = (char)iteration;

    return write(to_child[1], &byte, 1) == 1 && read(from_child[0], &byte, 1) == 1 && byte == (char)iteration ? 0 : -1;
}

static int wait_for(pid_t child)
{
    int status;

    errno = ECHILD;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

static int spawn_wait(uint64_t iteration)
{
    static char *const arguments[] = {(char *)"bench", (char *)BENCH_LEAVE, NULL};
    pid_t child;

    (void)iteration;
    errno = posix_spawnp(&child, "bench", NULL, NULL, arguments, environ);
    return errno == 0 ? wait_for(child) : -1;
}

static int fork_wait(uint64_t iteration)
{
    pid_t child = fork();

    (void)iteration;
    if (child == 0) {
        _exit(0);
    }
    return wait_for(child);
}

/*
 * The kernel takes the remains of a process apart when nothing else is to do, and the library waits for that before the next
 * one. Here it is done in between: what is measured is what the parent waits for if it does not start one after the other.
 */
static int let_remains_go(uint64_t iteration)
{
    (void)iteration;
    return usleep(REMAINS_US);
}

static int measure_pipes(const char *wanted)
{
    static const struct bench_row row = {"pipe_round_trip", pipe_round_trip, 0, PIPE_ITERATIONS, PIPE_COUNTED, 0};
    pid_t child;
    int failures;

    if (!bench_wanted(wanted, row.name)) {
        return 0;
    }
    if (pipe(to_child) != 0 || pipe(from_child) != 0) {
        return -bench_failed(row.name, "making two pipes");
    }
    child = fork();
    if (child == 0) {
        echo();
    }
    close(to_child[0]);
    close(from_child[1]);
    failures = bench_measure(&row) != 0;
    close(to_child[1]);
    close(from_child[0]);
    return failures + (wait_for(child) != 0);
}

int bench_processes(const char *wanted)
{
    static const struct bench_row rows[] = {
        {"spawn_wait", spawn_wait, let_remains_go, PROCESS_ITERATIONS, PROCESS_COUNTED, 0},
        {"fork_wait", fork_wait, let_remains_go, PROCESS_ITERATIONS, PROCESS_COUNTED, 0},
    };
    int failures = measure_pipes(wanted);

    for (unsigned index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        if (bench_wanted(wanted, rows[index].name)) {
            failures += bench_measure(&rows[index]) != 0;
        }
    }
    return failures;
}
