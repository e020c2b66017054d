/* SPDX-License-Identifier: MIT */
/* Arguments, the variant, the last line. Rule: client.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/workload/client.h"

#define FNV_START 0xcbf29ce484222325u

static const struct {
    const char *name;
    int (*run)(struct client *client);
    int needs_directory;
} variants[] = {
    {"reader", variant_reader, 0},           {"writer", variant_writer, 1},   {"renamer", variant_renamer, 1},
    {"directories", variant_directories, 1}, {"numbers", variant_numbers, 0},
    {"alarms", variant_alarms, 0},           {"steps", variant_steps, 1},
    {"processes", variant_processes, 0},     {"scheduling", variant_scheduling, 0},
};

static int usage(void)
{
    fputs("usage: workload NAME reader|writer|renamer|directories|numbers|alarms|processes|steps|scheduling\n"
          "                [-d DIRECTORY] [-n OPERATIONS] [-s SEED] [-c CHECKSUMS] [-y]\n"
          "NAME must differ from that of every other client; DIRECTORY (default /NAME) is made if it is not there.\n",
          stderr);
    return 2;
}

static int parse(struct client *client, int argument_count, char **arguments)
{
    int option;

    while ((option = getopt(argument_count, arguments, "d:n:s:c:y")) != -1) {
        switch (option) {
        case 'd':
            client->directory = optarg;
            break;
        case 'n':
            client->operations_wanted = strtoull(optarg, NULL, 10);
            break;
        case 's':
            client->random = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            client->checksums = optarg;
            break;
        case 'y':
            client->yields = 1;
            break;
        default:
            return -1;
        }
    }
    return optind == argument_count ? 0 : -1;
}

static int run(struct client *client, const char *variant)
{
    for (unsigned index = 0; index < sizeof variants / sizeof variants[0]; index++) {
        if (strcmp(variants[index].name, variant) != 0) {
            continue;
        }
        if (variants[index].needs_directory && mkdir(client->directory, 0755) != 0 && errno != EEXIST) {
            perror(client->directory);
            return 1;
        }
        if (variants[index].run(client) != 0) {
            return 1;
        }
        printf("client %s operations=%lu errors=%lu digest=%016lx\n", client->name, client->operations,
               client->errors, client->digest);
        return client->errors ? 1 : 0;
    }
    return usage();
}

int main(int argument_count, char **arguments)
{
    char own_directory[128];
    struct client client = {
        .checksums = "/checksums",
        .operations_wanted = 1000,
        .digest = FNV_START,
        .random = 1,
    };

    if (argument_count < 3) {
        return usage();
    }
    client.name = arguments[1];
    snprintf(own_directory, sizeof own_directory, "/%.100s", client.name);
    client.directory = own_directory;
    if (parse(&client, argument_count - 2, arguments + 2) != 0) {
        return usage();
    }
    return run(&client, arguments[2]);
}
