/* SPDX-License-Identifier: MIT */
/*
 * mixed [-r ROUNDS] [-p PROGRAM]: the clients of `workload` all at once, round after round, for as long as standard input is
 * open and at most ROUNDS rounds. What they print is passed through; after each round comes a line
 *
 *     mixed: round N failed=F free_pages=P chunks=C
 *
 * with the number of clients that did not end with status 0 and what the kernel says of the machine's memory when nothing of
 * the round is left.
 *
 * Rule: every round does the same, and leaves the disk as it found it; so every round must print the same digests, and what the
 * machine has left must not shrink. Who started this compares (tools/soak_mixed.py).
 */
#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/console.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/portal.h"
#include "perdure/thread.h"

#define CLIENTS 6
#define SETTLE_NS 20000000u
#define SETTLE_ROUNDS 50

/* Arguments of each client; the name is also its directory's. */
static char *const clients[CLIENTS][9] = {
    {"workload", "w", "writer", "-n", "300", "-s", "1", "-y", NULL},
    {"workload", "n", "renamer", "-n", "400", "-s", "2", "-y", NULL},
    {"workload", "d", "directories", "-n", "400", "-s", "3", "-y", NULL},
    {"workload", "r", "reader", "-n", "300", "-s", "4", "-y", NULL},
    {"workload", "g", "numbers", "-n", "600", "-s", "5", "-y", NULL},
    {"workload", "a", "alarms", "-n", "200", "-s", "6", "-y", NULL},
};

static int usage(void)
{
    fputs("usage: mixed [-r ROUNDS] [-p PROGRAM]\n", stderr);
    return 2;
}

/* A directory of files and directories, and all in it. */
static int remove_tree(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    if (!directory) {
        return errno == ENOENT ? 0 : errno == ENOTDIR ? unlink(path) : -1;
    }
    while ((entry = readdir(directory))) {
        char name[512];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (unlink(name) != 0 && remove_tree(name) != 0) {
            break;
        }
    }
    closedir(directory);
    return rmdir(path);
}

/* Clients of one round that did not end well. */
static int run_round(const char *program)
{
    pid_t running[CLIENTS];
    int failed = 0;

    fflush(stdout);
    for (unsigned index = 0; index < CLIENTS; index++) {
        int reason = posix_spawn(&running[index], program, NULL, NULL, clients[index], NULL);

        if (reason) {
            printf("mixed: %s cannot be started: %s\n", program, strerror(reason));
            running[index] = -1;
        }
    }
    for (unsigned index = 0; index < CLIENTS; index++) {
        int status = 1;

        failed += running[index] < 0 || waitpid(running[index], &status, 0) < 0 || status != 0;
    }
    for (unsigned index = 0; index < CLIENTS; index++) {
        char path[64];

        snprintf(path, sizeof path, "/%s", clients[index][1]);
        if (remove_tree(path) != 0) {
            printf("mixed: %s cannot be removed: %s\n", path, strerror(errno));
            failed++;
        }
    }
    return failed;
}

/* What is left of the machine when nothing is being given back any more: the kernel does that in steps. */
static struct pd_machine settled(void)
{
    struct pd_machine now = {0}, before;
    int still = 0;

    for (int round = 0; round < SETTLE_ROUNDS && still < 3; round++) {
        before = now;
        pd_sleep_until(pd_now_ns() + SETTLE_NS);
        pd_machine(SLOT_SELF_DOMAIN, &now);
        still = now.free_pages == before.free_pages && now.chunks == before.chunks ? still + 1 : 0;
    }
    return now;
}

/* Whether whoever gave the input has closed it; it is looked at without waiting. */
static int input_has_ended(void)
{
    struct pd_call call = {0};
    char byte;

    return pd_portal_call(SLOT_CONSOLE, CONSOLE_POLL, &call) > 0 && read(0, &byte, 1) >= 0;
}

int main(int argument_count, char **arguments)
{
    const char *program = "/bin/workload";
    uint64_t rounds = UINT64_MAX, done = 0;
    int option, failed = 0;

    while ((option = getopt(argument_count, arguments, "r:p:")) != -1) {
        if (option == 'r') {
            rounds = strtoull(optarg, NULL, 10);
        } else if (option == 'p') {
            program = optarg;
        } else {
            return usage();
        }
    }
    while (done < rounds && !input_has_ended()) {
        struct pd_machine machine;

        failed = run_round(program);
        machine = settled();
        printf("mixed: round %lu failed=%d free_pages=%lu chunks=%lu\n", ++done, failed, machine.free_pages,
               machine.chunks);
        fflush(stdout);
        if (failed) {
            return 1;
        }
    }
    printf("mixed: %lu rounds\n", done);
    return 0;
}
