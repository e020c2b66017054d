/* SPDX-License-Identifier: MIT */
/* bench [ROW]: all rows, or the one named. Rule: bench.h. */
#include <stdio.h>

#include "user/bench/bench.h"

int main(int argument_count, char **arguments)
{
    const char *wanted = argument_count > 1 ? arguments[1] : NULL;
    int failures = bench_calls(wanted) + bench_recovery(wanted) + bench_files(wanted);

    printf("bench finished failures=%d\n", failures);
    return failures ? 1 : 0;
}
