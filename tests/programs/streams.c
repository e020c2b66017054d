/* SPDX-License-Identifier: MIT */
/* Passes its input on, writes much, or ends in the way that its argument names. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int echo(void)
{
    char buffer[256];
    ssize_t got;

    fprintf(stderr, "COLOUR=%s\n", getenv("COLOUR"));
    while ((got = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
        fwrite(buffer, 1, (size_t)got, stdout);
    }
    return got < 0;
}

static int count(void)
{
    for (int number = 0; number < 20000; number++) {
        printf("%d\n", number);
    }
    return 0;
}

static __attribute__((noinline)) int overflow(int depth)
{
    volatile char frame[4096];

    frame[0] = (char)depth;
    return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

int main(int argument_count, char **arguments)
{
    const char *end = argument_count > 1 ? arguments[1] : "";

    if (strcmp(end, "echo") == 0) {
        return echo();
    } else if (strcmp(end, "count") == 0) {
        return count();
    } else if (strcmp(end, "spin") == 0) {
        puts("spinning");
        fflush(stdout);
        for (;;) {
        }
    } else if (strcmp(end, "exit") == 0) {
        exit(42);
    } else if (strcmp(end, "abort") == 0) {
        abort();
    } else if (strcmp(end, "fault") == 0) {
        __asm__ volatile("movl $1, 8");
    } else if (strcmp(end, "divide") == 0) {
        __asm__ volatile("xorl %%ecx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx");
    } else if (strcmp(end, "undefined") == 0) {
        __builtin_trap();
    } else if (strcmp(end, "overflow") == 0) {
        return overflow(0);
    } else if (strcmp(end, "raise") == 0) {
        raise(SIGTERM);
    }
    return 3;
}
