/* SPDX-License-Identifier: MIT */
/* hello: says who it is. The smallest thing to run. */
#include <stdio.h>

int main(int argument_count, char **arguments)
{
    printf("Hello from Perdure: %s", arguments[0]);
    for (int index = 1; index < argument_count; index++) {
        printf(" %s", arguments[index]);
    }
    putchar('\n');
    return 0;
}
