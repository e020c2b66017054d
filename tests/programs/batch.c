/* SPDX-License-Identifier: MIT */
/*
 * Runs many programs, one after the other: usage: batch LIST OUTPUT_DIRECTORY. Each line of LIST is
 *     NAME TAB SECONDS TAB PROGRAM [TAB ARGUMENT]...
 * What it writes to both its streams goes to OUTPUT_DIRECTORY/NAME, and a line `NAME STATUS` to ours: its exit status, 128 +
 * its signal, `late` if it had to be ended, or `not started: REASON`.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAXIMUM 40
#define POLL_US 2000

extern char **environ;

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Wait until it ends or its time is over. */
static void await(const char *name, pid_t child, double limit_s)
{
    double until = now_s() + limit_s;
    int late = 0;
    int status;

    while (waitpid(child, &status, WNOHANG) == 0) {
        if (!late && now_s() > until) {
            late = 1;
            kill(child, SIGKILL);
        }
        usleep(POLL_US);
    }
    kill(-child, SIGKILL); /* what it has left */
    if (late) {
        printf("%s late\n", name);
    } else {
        printf("%s %d\n", name, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
}

static void run_one(char **words, const char *directory)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char path[512];
    pid_t child;
    int problem;

    snprintf(path, sizeof path, "%s/%s", directory, words[0]);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, path, O_WRONLY | O_APPEND, 0);
    /* What it sends to its group is not for us. */
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    problem = posix_spawn(&child, words[2], &actions, &attributes, words + 2, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (problem) {
        printf("%s not started: %s\n", words[0], strerror(problem));
        return;
    }
    await(words[0], child, atof(words[1]));
}

int main(int argument_count, char **arguments)
{
    char line[2048];
    FILE *list;

    if (argument_count != 3 || (list = fopen(arguments[1], "r")) == NULL) {
        fprintf(stderr, "usage: batch LIST OUTPUT_DIRECTORY\n");
        return 2;
    }
    while (fgets(line, sizeof line, list)) {
        char *words[ARGUMENTS_MAXIMUM] = {NULL};
        char *rest = line;
        int count = 0;

        line[strcspn(line, "\n")] = 0;
        while (rest && count < ARGUMENTS_MAXIMUM - 1) {
            words[count++] = strsep(&rest, "\t");
        }
        if (count >= 3) {
            run_one(words, arguments[2]);
            fflush(stdout);
        }
    }
    fclose(list);
    return 0;
}
