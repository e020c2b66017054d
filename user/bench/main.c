/* SPDX-License-Identifier: MIT */
/* bench [ROW]: all rows, or the one named. Rule: bench.h. */
#include <stdio.h>
#include <string.h>

#include "user/bench/bench.h"

int main(int argument_count, char **arguments)
{
    const char *wanted = argument_count > 1 ? arguments[1] : NULL;
    int failures;

    if (wanted && strcmp(wanted, BENCH_LEAVE) == 0) {
        return 0;
    }
    failures = bench_calls(wanted) + bench_recovery(wanted) + bench_files(wanted) + bench_processes(wanted) +
               bench_switches(wanted) + bench_memory(wanted);
    printf("bench finished failures=%d\n", failures);
    return failures ? 1 : 0;
}
