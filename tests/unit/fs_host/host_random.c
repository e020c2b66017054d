/* SPDX-License-Identifier: MIT */
/* Random numbers and commands (host_random.h). The generator is splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
#include "host_random.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

static uint64_t random_state = 1;

void host_seed(uint64_t seed)
{
    random_state = seed * 2654435769u + 12345;
}

uint64_t host_random(void)
{
    uint64_t mixed = random_state += 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

uint64_t host_below(uint64_t limit)
{
    return host_random() % limit;
}

int host_run(const char *format, ...)
{
    char command[2048];
    va_list arguments;
    int status;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}
