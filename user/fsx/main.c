/* SPDX-License-Identifier: MIT */
/* fsx: arguments, the loop, the verdict. Rule: world.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/fsx/world.h"

#define DIFFERENCES_BEARABLE 5

static int usage(void)
{
    fputs("usage: fsx [-n OPERATIONS] [-s SEED] [-d DIRECTORY] [-q]\n"
          "Does random things in DIRECTORY (default /fsx) and compares every answer with a model; -q shows no progress.\n",
          stderr);
    return 2;
}

static void one_action(void)
{
    unsigned choice = (unsigned)random_below(100);

    if (choice < 55) {
        data_action((unsigned)random_below(DATA_ACTIONS));
    } else if (choice < 90) {
        name_action((unsigned)random_below(NAME_ACTIONS));
    } else {
        look_action((unsigned)random_below(LOOK_ACTIONS));
    }
}

static void run(uint64_t operations, int quiet)
{
    uint64_t step = operations / 10 ? operations / 10 : 1;

    while (operation_number < operations && differences() < DIFFERENCES_BEARABLE) {
        operation_number++;
        one_action();
        if (!quiet && operation_number % step == 0) {
            printf("fsx: %lu operations\n", (unsigned long)operation_number);
            fflush(stdout);
        }
    }
    close_all();
    look_at_all();
}

int main(int argument_count, char **arguments)
{
    const char *directory = "/fsx";
    uint64_t operations = 10000;
    uint64_t seed = 1;
    int quiet = 0;
    int option;

    while ((option = getopt(argument_count, arguments, "n:s:d:q")) != -1) {
        switch (option) {
        case 'n':
            operations = strtoull(optarg, NULL, 10);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'd':
            directory = optarg;
            break;
        case 'q':
            quiet = 1;
            break;
        default:
            return usage();
        }
    }
    umask(0);
    if (mkdir(directory, 0755) != 0 && (errno != EEXIST || rmdir(directory) != 0 || mkdir(directory, 0755) != 0)) {
        fprintf(stderr, "fsx: %s: %s: name an empty directory with -d\n", directory, strerror(errno));
        return 2;
    }
    world_start(directory, seed);
    run(operations, quiet);
    printf("fsx: seed %lu, %lu operations, %lu differences\n", (unsigned long)seed, (unsigned long)operation_number,
           (unsigned long)differences());
    return differences() ? 1 : 0;
}
