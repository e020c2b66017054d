/* SPDX-License-Identifier: MIT */
/*
 * Processes as POSIX has them: fork, exec, wait, pipes, inherited files, signals. Prints `processes: N failures`.
 *
 * Rule: what a child finds it says by its exit status, so that its parent alone writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "checks.h"

#define BIG_BYTES 300000

static volatile sig_atomic_t caught;

static void note(int signal_number)
{
    caught = signal_number;
}

static void catch(int signal_number, int flags)
{
    const struct sigaction action = {.sa_handler = note, .sa_flags = flags};

    caught = 0;
    CHECK(sigaction(signal_number, &action, NULL) == 0);
}

static unsigned char pattern(size_t place)
{
    return (unsigned char)(place * 31 + place / 251);
}

/* What play() is asked for as this program's argument. */
static int play(const char *part)
{
    char bytes[16] = {0};

    if (strcmp(part, "input") == 0) { /* two bytes of standard input, and nothing else is open */
        return read(0, bytes, 2) == 2 && strcmp(bytes, "ab") == 0 && fcntl(9, F_GETFD) == -1 ? 21 : 1;
    }
    if (strcmp(part, "output") == 0) {
        return write(1, "child\n", 6) == 6 ? 22 : 1;
    }
    if (strcmp(part, "orphan") == 0) { /* goes on, and takes memory, when its parent is gone */
        char *memory = read(0, bytes, 1) == 1 ? calloc(1, BIG_BYTES) : NULL;

        return memory && getppid() == 1 && write(1, "orphan\n", 7) == 7 ? 24 : 1;
    }
    return strcmp(part, "environment") == 0 && getenv("PART") && strcmp(getenv("PART"), "here") == 0 ? 23 : 2;
}

static void forks(void)
{
    char *heap = malloc(100000);
    pid_t parent = getpid();
    pid_t child;

    strcpy(heap + 50000, "parent");
    child = fork();
    if (child == 0) {
        int same = strcmp(heap + 50000, "parent") == 0 && getppid() == parent && getpid() != parent;

        strcpy(heap + 50000, "child");
        _exit(same ? 7 : 1);
    }
    CHECK(child > 0 && WEXITSTATUS(status_of(child)) == 7 && strcmp(heap + 50000, "parent") == 0);
    for (int turn = 0; turn < 50; turn++) { /* nothing is used up */
        child = fork();
        if (child == 0) {
            _exit(turn);
        }
        CHECK(child > 0 && WEXITSTATUS(status_of(child)) == turn);
    }
    CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
    free(heap);
}

/* Bytes through a pipe from a child: all of them, in order, then the end of the file. */
static void pipes(void)
{
    static unsigned char bytes[BIG_BYTES];
    size_t got = 0;
    size_t wrong = 0;
    int ends[2];
    ssize_t part;
    pid_t child;

    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        for (size_t place = 0; place < BIG_BYTES; place++) {
            bytes[place] = pattern(place);
        }
        _exit(close(ends[0]) == 0 && write(ends[1], bytes, BIG_BYTES) == BIG_BYTES ? 0 : 1);
    }
    CHECK(close(ends[1]) == 0);
    while ((part = read(ends[0], bytes + got, BIG_BYTES - got + 1)) > 0) {
        got += (size_t)part;
    }
    for (size_t place = 0; place < got; place++) {
        wrong += bytes[place] != pattern(place);
    }
    CHECK(part == 0 && got == BIG_BYTES && wrong == 0 && status_of(child) == 0 && close(ends[0]) == 0);
}

static void ends_of_pipes(void)
{
    struct pollfd ready;
    struct stat status;
    int ends[2];
    char byte;

    CHECK(pipe(ends) == 0 && fstat(ends[0], &status) == 0 && S_ISFIFO(status.st_mode));
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(read(ends[0], &byte, 1) == -1 && errno == EAGAIN);
    ready = (struct pollfd){ends[0], POLLIN, 0};
    CHECK(poll(&ready, 1, 20) == 0);
    CHECK(write(ends[1], "x", 1) == 1 && poll(&ready, 1, -1) == 1 && ready.revents == POLLIN);
    CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(ends[1], "0123456789abcdef", 16) == 16) {
    }
    CHECK(errno == EAGAIN && lseek(ends[0], 0, SEEK_SET) == -1 && errno == ESPIPE);
    signal(SIGPIPE, SIG_IGN);
    CHECK(close(ends[0]) == 0);
    CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE && close(ends[1]) == 0);
    signal(SIGPIPE, SIG_DFL);
}

/* One offset for parent and child, whoever moves it. */
static void shared_offsets(void)
{
    char text[64] = {0};
    int fd = open("/processes.out", O_RDWR | O_CREAT | O_TRUNC, 0644);
    pid_t child;

    CHECK(write(fd, "one ", 4) == 4);
    child = fork();
    if (child == 0) {
        _exit(write(fd, "two ", 4) == 4 && lseek(fd, 0, SEEK_CUR) == 8 ? 0 : 1);
    }
    CHECK(status_of(child) == 0 && write(fd, "three", 5) == 5);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, sizeof text) == 13 && strcmp(text, "one two three") == 0);
    CHECK(unlink("/processes.out") == 0);
    child = fork();
    if (child == 0) { /* a file without a name is taken over, too */
        _exit(lseek(fd, 4, SEEK_SET) == 4 && read(fd, text, 3) == 3 && memcmp(text, "two", 3) == 0 ? 0 : 1);
    }
    CHECK(status_of(child) == 0 && lseek(fd, 0, SEEK_CUR) == 7 && close(fd) == 0);
}

static void execs(void)
{
    char *input[] = {(char *)"processes", (char *)"input", NULL};
    char *environment_part[] = {(char *)"processes", (char *)"environment", NULL};
    char *environment[] = {(char *)"PART=here", NULL};
    int ends[2];
    pid_t child;

    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        dup2(ends[0], 9);
        fcntl(9, F_SETFD, FD_CLOEXEC);
        dup2(ends[0], 0);
        close(ends[0]);
        close(ends[1]);
        execvp("processes", input);
        _exit(99);
    }
    CHECK(write(ends[1], "ab", 2) == 2 && close(ends[0]) == 0 && close(ends[1]) == 0);
    CHECK(WEXITSTATUS(status_of(child)) == 21);
    child = vfork();
    if (child == 0) {
        execvpe("processes", environment_part, environment);
        _exit(99);
    }
    CHECK(WEXITSTATUS(status_of(child)) == 23);
    child = fork();
    if (child == 0) {
        execl("/not-there", "x", NULL);
        _exit(errno == ENOENT ? 5 : 99);
    }
    CHECK(WEXITSTATUS(status_of(child)) == 5);
}

static void spawns(void)
{
    char *arguments[] = {(char *)"processes", (char *)"output", NULL};
    posix_spawn_file_actions_t actions;
    char text[16] = {0};
    int ends[2];
    pid_t child;

    CHECK(pipe(ends) == 0 && posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0);
    CHECK(posix_spawn_file_actions_addclose(&actions, ends[0]) == 0);
    CHECK(posix_spawnp(&child, "processes", &actions, NULL, arguments, environ) == 0 && close(ends[1]) == 0);
    CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
    CHECK(read(ends[0], text, sizeof text) == 6 && strcmp(text, "child\n") == 0);
    CHECK(read(ends[0], text, sizeof text) == 0 || write(ends[1], "", 0) == -1);
    CHECK(WEXITSTATUS(status_of(child)) == 22 && close(ends[0]) == 0);
}

/* How a child ends by a signal. */
static int death_by(void (*end)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        end();
        _exit(0);
    }
    status = status_of(child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void end_by_raise(void)
{
    raise(SIGUSR1);
}

static void end_by_fault(void)
{
    __asm__ volatile("movl $1, 8");
}

static void deaths(void)
{
    pid_t child;
    int status;

    CHECK(death_by(abort) == SIGABRT);
    CHECK(death_by(end_by_raise) == SIGUSR1);
    CHECK(death_by(end_by_fault) == SIGSEGV);
    child = fork();
    if (child == 0) {
        for (;;) {
        }
    }
    CHECK(waitpid(child, &status, WNOHANG) == 0 && kill(child, 0) == 0 && kill(child, SIGTERM) == 0);
    status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK(kill(child, 0) == -1 && errno == ESRCH);
}

static void signals_to_others(void)
{
    int ends[2];
    pid_t child;
    char byte;

    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) { /* a signal ends a read that waits */
        catch(SIGUSR1, 0);
        write(ends[1], "r", 1);
        read(ends[0], &byte, 1);
        for (;;) {
            if (read(ends[0], &byte, 1) == -1 && errno == EINTR && caught == SIGUSR1) {
                _exit(0);
            }
        }
    }
    usleep(50000);
    CHECK(kill(child, SIGUSR1) == 0 && status_of(child) == 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    catch(SIGCHLD, 0);
    child = fork();
    if (child == 0) {
        usleep(20000);
        _exit(4);
    }
    CHECK(pause() == -1 && errno == EINTR && caught == SIGCHLD && WEXITSTATUS(status_of(child)) == 4);
    signal(SIGCHLD, SIG_DFL);
    catch(SIGUSR2, SA_RESTART);
    child = fork();
    if (child == 0) { /* the handler runs although the parent makes no call that waits */
        kill(getppid(), SIGUSR2);
        _exit(0);
    }
    while (!caught) {
        write(1, "", 0);
    }
    CHECK(caught == SIGUSR2 && status_of(child) == 0);
}

static void masks(void)
{
    struct timespec left = {0, 0};
    const struct timespec wanted = {20, 0};
    sigset_t set;
    sigset_t none;
    pid_t child;

    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    catch(SIGUSR1, 0);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && kill(getpid(), SIGUSR1) == 0 && caught == 0);
    CHECK(sigpending(&set) == 0 && sigismember(&set, SIGUSR1));
    CHECK(sigsuspend(&none) == -1 && errno == EINTR && caught == SIGUSR1);
    caught = 0;
    CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0 && raise(SIGUSR1) == 0 && caught == SIGUSR1);
    child = fork();
    if (child == 0) {
        usleep(30000);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    CHECK(nanosleep(&wanted, &left) == -1 && errno == EINTR && left.tv_sec > 0 && left.tv_sec < 20);
    CHECK(status_of(child) == 0);
}

static void groups(void)
{
    pid_t child = fork();

    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    CHECK(setpgid(child, child) == 0 && getpgid(child) == child && getpgrp() != child);
    CHECK(killpg(child, SIGHUP) == 0);
    CHECK(WTERMSIG(status_of(child)) == SIGHUP && kill(-child, 0) == -1 && errno == ESRCH);
}

/* Start a program that reads `from` and writes `to`, and end: its number by a pipe. */
static _Noreturn void leave_orphan(int from, int to, int number)
{
    char *arguments[] = {(char *)"processes", (char *)"orphan", NULL};
    posix_spawn_file_actions_t actions;
    pid_t orphan;

    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawn_file_actions_adddup2(&actions, from, 0) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, to, 1) != 0 ||
        posix_spawnp(&orphan, "processes", &actions, NULL, arguments, environ) != 0) {
        _exit(1);
    }
    _exit(write(number, &orphan, sizeof orphan) == sizeof orphan ? 0 : 1);
}

/* A child outlives its parent. When it ends nobody has to wait for it. */
static void orphans(void)
{
    char text[16] = {0};
    pid_t child, orphan = 0;
    int in[2], out[2], number[2];

    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(number, O_CLOEXEC) == 0);
    child = fork();
    if (child == 0) {
        leave_orphan(in[0], out[1], number[1]);
    }
    CHECK(close(in[0]) == 0 && close(out[1]) == 0 && close(number[1]) == 0);
    CHECK(status_of(child) == 0 && read(number[0], &orphan, sizeof orphan) == sizeof orphan && close(number[0]) == 0);
    CHECK(kill(orphan, 0) == 0 && waitpid(orphan, NULL, WNOHANG) == -1 && errno == ECHILD);
    CHECK(write(in[1], "x", 1) == 1 && close(in[1]) == 0);
    CHECK(read(out[0], text, sizeof text) == 7 && strcmp(text, "orphan\n") == 0);
    CHECK(read(out[0], text, sizeof text) == 0 && close(out[0]) == 0);
    CHECK(kill(orphan, 0) == -1 && errno == ESRCH);
}

#define STAGES 12

/* One after the other, each a copy of a copy of this program, which itself has memory in use. */
static void long_pipeline(void)
{
    char text[16] = {0};
    pid_t children[STAGES];
    int from = -1;
    int ends[2];

    for (int stage = 0; stage < STAGES; stage++) {
        CHECK(pipe(ends) == 0);
        children[stage] = fork();
        if (children[stage] == 0) {
            char *memory = calloc(1, BIG_BYTES);

            if (!memory || (from >= 0 && read(from, text, sizeof text) != stage)) {
                _exit(1);
            }
            text[stage] = (char)('a' + stage);
            _exit(write(ends[1], text, (size_t)stage + 1) == stage + 1 ? 0 : 1);
        }
        CHECK(close(ends[1]) == 0 && (from < 0 || close(from) == 0));
        from = ends[0];
    }
    CHECK(read(from, text, sizeof text) == STAGES && memcmp(text, "abcdefghijkl", STAGES) == 0 && close(from) == 0);
    for (int stage = 0; stage < STAGES; stage++) {
        CHECK(status_of(children[stage]) == 0);
    }
}

int main(int argument_count, char **arguments)
{
    static void (*const parts[])(void) = {forks,  pipes,  ends_of_pipes,     shared_offsets, execs,   spawns,
                                          deaths, signals_to_others, masks, groups,         orphans, long_pipeline};

    if (argument_count > 1) {
        return play(arguments[1]);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t index = 0; index < sizeof parts / sizeof parts[0]; index++) {
        parts[index]();
    }
    printf("processes: %d failures\n", failures);
    return failures ? 1 : 0;
}
