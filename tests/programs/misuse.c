/* SPDX-License-Identifier: MIT */
/*
 * What the process service answers to who asks for what it may not have, or for more than there is. Prints
 * `misuse: N failures`.
 *
 * Rule: after all of it the service keeps exactly what it kept before.
 */
#include <stdio.h>
#include <string.h>

#include <abi/posix_errno.h>
#include <abi/proc.h>
#include <perdure/portal.h>

static int failures;

static int64_t ask(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2, uint64_t word_3)
{
    struct pd_call call = {.word = {word_0, word_1, word_2, word_3}};

    return pd_portal_call(SLOT_PROC, operation, &call);
}

static void expect_at(int line, int64_t answer, int64_t expected)
{
    if (answer != expected) {
        printf("misuse.c:%d: %ld, not %ld\n", line, (long)answer, (long)expected);
        failures++;
    }
}

#define EXPECT(answer, expected) expect_at(__LINE__, answer, expected)

static int64_t write_bytes(uint64_t pipe, uint64_t count, size_t message_bytes)
{
    struct pd_call call = {.word = {pipe, count, PROC_NO_WAIT, 0}, .transfer = pd_transfer_message(message_bytes)};

    return pd_portal_call(SLOT_PROC, PROC_WRITE, &call);
}

/* Everything but START, INFO and AUDIT is for processes. */
static void before_start(void)
{
    for (uint32_t operation = PROC_SPAWN; operation <= PROC_ALARM_INFO; operation++) {
        if (operation != PROC_INFO && operation != PROC_AUDIT) {
            EXPECT(ask(operation, 0, 0, 0, 0), -PE_SRCH);
        }
    }
    for (uint64_t token = 1; token < 100; token++) {
        EXPECT(ask(PROC_START, token, 0, 0, 0), -PE_SRCH);
    }
    EXPECT(ask(PROC_START, UINT64_MAX, 0, 0, 0), -PE_SRCH);
}

static void processes(void)
{
    int64_t own = ask(PROC_START, 0, 0, 0, 0);

    EXPECT(own > PROC_INIT, 1);
    EXPECT(ask(PROC_START, 0, 0, 0, 0), -PE_EXIST);
    EXPECT(ask(PROC_SPAWN, 1, 0, 0, 0), -PE_BADF);
    EXPECT(ask(PROC_SPAWN, 0, 1ull << 63, 0, 0), -PE_BADF);
    EXPECT(ask(PROC_SPAWN, 0, 0, 1ull << 40, 0), -PE_BADF);
    EXPECT(ask(PROC_SPAWN, 0, 0, 0, 2), -PE_INVAL);
    EXPECT(ask(PROC_CANCEL, (uint64_t)own, 0, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_AWAIT_START, (uint64_t)own, 0, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_AWAIT_START, UINT64_MAX, 0, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_WAIT, (uint64_t)-1, 0, 0, 0), -PE_CHILD);
    EXPECT(ask(PROC_WAIT, 0, PROC_NO_WAIT, 0, 0), -PE_CHILD);
    EXPECT(ask(PROC_EXIT, 256, 0, 0, 0), -PE_INVAL);
    EXPECT(ask(PROC_KILL, (uint64_t)own, PROC_SIGNAL_LIMIT, 0, 0), -PE_INVAL);
    EXPECT(ask(PROC_KILL, PROC_INIT, 9, 0, 0), -PE_PERM);
    EXPECT(ask(PROC_KILL, 1ull << 40, 9, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_KILL, (uint64_t)-PROC_NUMBER_MAXIMUM - 1, 9, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_SET_GROUP, 29999, 0, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_SET_GROUP, 0, 29999, 0, 0), -PE_PERM);
    EXPECT(ask(PROC_SET_GROUP, 0, 1ull << 33, 0, 0), -PE_PERM);
    EXPECT(ask(PROC_GROUP, 29999, 0, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_FOREGROUND, 29999, 0, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_FOREGROUND, 1ull << 33, 0, 0, 0), -PE_SRCH);
    EXPECT(ask(PROC_INFO, PROC_PROCESSES, 0, 0, 0), -PE_INVAL);
    EXPECT(ask(PROC_ALARM, PROC_ALARMS, 1, 0, 14), -PE_INVAL);
    EXPECT(ask(PROC_ALARM, 0, PROC_TIME_MAXIMUM + 1, 0, 14), -PE_INVAL);
    EXPECT(ask(PROC_ALARM, 0, 1, UINT64_MAX, 14), -PE_INVAL);
    EXPECT(ask(PROC_ALARM, 0, 1, 0, PROC_SIGNAL_LIMIT), -PE_INVAL);
    EXPECT(ask(PROC_ALARM_INFO, UINT64_MAX, 0, 0, 0), -PE_INVAL);
    EXPECT(ask(PROC_ALARM_INFO + 1, 0, 0, 0, 0), -PE_NOSYS);
    EXPECT(ask(0, 0, 0, 0, 0), -PE_NOSYS);
}

/* Each end is its holder's; nothing is done with half of a request. */
static void pipes(void)
{
    static const uint64_t strange[] = {1, PROC_PIPES - 1, PROC_PIPES, 1ull << 32, UINT64_MAX};
    int64_t pipe = ask(PROC_PIPE, 0, 0, 0, 0);

    EXPECT(pipe, 0);
    for (unsigned index = 0; index < sizeof strange / sizeof strange[0]; index++) {
        EXPECT(ask(PROC_READ, strange[index], 1, 0, 0), -PE_BADF);
        EXPECT(write_bytes(strange[index], 1, 1), -PE_BADF);
        EXPECT(ask(PROC_PIPE_INFO, strange[index], 0, 0, 0), -PE_BADF);
        EXPECT(ask(PROC_OFFSET_TAKE, strange[index], 0, 0, 0), -PE_BADF);
        EXPECT(ask(PROC_OFFSET_PUT, strange[index], 0, 0, 0), -PE_BADF);
    }
    EXPECT(ask(PROC_READ, 0, 0, 0, 0), -PE_INVAL);
    EXPECT(ask(PROC_READ, 0, PROC_WRITE_BYTES + 1, 0, 0), -PE_INVAL);
    EXPECT(ask(PROC_READ, 0, 1, PROC_NO_WAIT, 0), -PE_AGAIN);
    EXPECT(write_bytes(0, 0, 0), -PE_INVAL);
    EXPECT(write_bytes(0, 9, 8), -PE_INVAL);
    EXPECT(write_bytes(0, UINT64_MAX, 8), -PE_INVAL);
    EXPECT(ask(PROC_POLL, 2, 0, 0, 0), -PE_BADF);
    EXPECT(ask(PROC_POLL, 0, 2, 0, 0), -PE_BADF);
    EXPECT(ask(PROC_CLOSE, 3, 0, 0, 0), -PE_BADF);
    EXPECT(ask(PROC_CLOSE, 1, 2, 0, 0), -PE_BADF);
    EXPECT(ask(PROC_CLOSE, 1, 0, 1, 0), -PE_BADF);
    EXPECT(ask(PROC_PIPE_INFO, 0, 0, 0, 0), 0);
    EXPECT(write_bytes(0, 8, 8), 8);
    EXPECT(ask(PROC_CLOSE, 1, 0, 0, 0), 0);
    EXPECT(ask(PROC_READ, 0, 1, 0, 0), -PE_BADF);
    EXPECT(write_bytes(0, 8, 8), -PE_PIPE);
    EXPECT(ask(PROC_CLOSE, 0, 1, 0, 0), 0);
}

/* All there are, and one more. */
static void limits(void)
{
    int64_t numbers[PROC_PROCESSES];
    unsigned count = 0;

    for (int64_t pipe = 0; pipe < PROC_PIPES; pipe++) {
        EXPECT(ask(PROC_PIPE, 0, 0, 0, 0), pipe);
    }
    EXPECT(ask(PROC_PIPE, 0, 0, 0, 0), -PE_NFILE);
    EXPECT(ask(PROC_CLOSE, UINT64_MAX, UINT64_MAX, 0, 0), 0);
    for (int64_t offset = 0; offset < PROC_OFFSETS; offset++) {
        EXPECT(ask(PROC_OFFSET_NEW, 5, 0, 0, 0), offset);
    }
    EXPECT(ask(PROC_OFFSET_NEW, 5, 0, 0, 0), -PE_NFILE);
    EXPECT(ask(PROC_OFFSET_PUT, 3, 9, 0, 0), -PE_BADF);
    EXPECT(ask(PROC_OFFSET_TAKE, 3, 0, 0, 0), 0);
    EXPECT(ask(PROC_CLOSE, 0, 0, UINT32_MAX, 0), 0);
    while (count < PROC_PROCESSES && (numbers[count] = ask(PROC_SPAWN, 0, 0, 0, 0)) > 0) {
        count++;
    }
    EXPECT(count > 0 && count < PROC_PROCESSES, 1);
    EXPECT(numbers[count], -PE_AGAIN);
    EXPECT(ask(PROC_WAIT, (uint64_t)-1, PROC_NO_WAIT, 0, 0), 0);
    while (count-- > 0) {
        EXPECT(ask(PROC_CANCEL, (uint64_t)numbers[count], 0, 0, 0), 0);
        EXPECT(ask(PROC_CANCEL, (uint64_t)numbers[count], 0, 0, 0), -PE_SRCH);
    }
    EXPECT(ask(PROC_AUDIT, 0, 0, 0, 0), 0);
}

int main(void)
{
    before_start();
    processes();
    pipes();
    limits();
    printf("misuse: %d failures\n", failures);
    return failures != 0;
}
