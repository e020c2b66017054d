/* SPDX-License-Identifier: MIT */
/*
 * pipeline: a source, three stages and a sink, each a process, with pipes between them. A megabyte goes through; each stage
 * adds one to every byte, and ends with a status of its own made of all it saw. Prints `pipeline right` or what is wrong.
 *
 * Rule: parts are of uneven sizes, so that the indices of the pipes wrap around everywhere.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES (1 << 20)
#define STAGES 3

static uint8_t pattern(size_t place)
{
    return (uint8_t)(place * 2654435761u >> 24);
}

/* A checksum (Fletcher's, 32 bits) continued. */
static uint32_t sum(uint32_t before, const uint8_t *bytes, size_t count)
{
    uint32_t low = before & 0xffff;
    uint32_t high = before >> 16;

    for (size_t index = 0; index < count; index++) {
        low = (low + bytes[index]) % 65535;
        high = (high + low) % 65535;
    }
    return high << 16 | low;
}

static int status_of(uint32_t checksum)
{
    return (int)((checksum ^ checksum >> 8 ^ checksum >> 16 ^ checksum >> 24) & 0x7f);
}

static _Noreturn void source(int to)
{
    uint8_t part[5000];
    size_t done = 0;

    while (done < BYTES) {
        size_t count = 1 + done * 7 % sizeof part;

        count = count < BYTES - done ? count : BYTES - done;
        for (size_t index = 0; index < count; index++) {
            part[index] = pattern(done + index);
        }
        if (write(to, part, count) != (ssize_t)count) {
            _exit(255);
        }
        done += count;
    }
    _exit(0);
}

static _Noreturn void stage(int from, int to)
{
    uint8_t part[3001];
    uint32_t checksum = 0;
    ssize_t count;

    while ((count = read(from, part, sizeof part)) > 0) {
        checksum = sum(checksum, part, (size_t)count);
        for (ssize_t index = 0; index < count; index++) {
            part[index]++;
        }
        if (write(to, part, (size_t)count) != count) {
            _exit(254);
        }
    }
    _exit(count == 0 ? status_of(checksum) : 253);
}

/* Start process `number` between two pipes; the reading end of the next pipe. */
static int start(int number, int from, pid_t *child)
{
    int ends[2];

    if (pipe(ends) != 0 || (*child = fork()) < 0) {
        perror("starting a stage");
        _exit(2);
    }
    if (*child == 0) {
        close(ends[0]);
        if (number == 0) {
            source(ends[1]);
        }
        stage(from, ends[1]);
    }
    close(ends[1]);
    if (from >= 0) {
        close(from);
    }
    return ends[0];
}

/* What each stage must have seen. */
static int expected_status(int number)
{
    uint32_t checksum = 0;

    for (size_t place = 0; number > 0 && place < BYTES; place++) {
        const uint8_t byte = (uint8_t)(pattern(place) + number - 1);

        checksum = sum(checksum, &byte, 1);
    }
    return number ? status_of(checksum) : 0;
}

int main(void)
{
    uint8_t part[4096];
    pid_t children[STAGES + 1];
    size_t got = 0;
    size_t wrong = 0;
    int from = -1;
    int wrong_statuses = 0;
    ssize_t count;

    for (int number = 0; number <= STAGES; number++) {
        from = start(number, from, &children[number]);
    }
    while ((count = read(from, part, sizeof part)) > 0) {
        for (ssize_t index = 0; index < count; index++, got++) {
            wrong += part[index] != (uint8_t)(pattern(got) + STAGES);
        }
    }
    for (int number = 0; number <= STAGES; number++) {
        int status = -1;

        wrong_statuses += waitpid(children[number], &status, 0) != children[number] || !WIFEXITED(status) ||
                          WEXITSTATUS(status) != expected_status(number);
    }
    if (got == BYTES && wrong == 0 && wrong_statuses == 0) {
        puts("pipeline right");
        return 0;
    }
    printf("pipeline: %lu bytes of %d, %lu wrong, %d statuses wrong\n", (unsigned long)got, BYTES, (unsigned long)wrong,
           wrong_statuses);
    return 1;
}
