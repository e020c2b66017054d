/* SPDX-License-Identifier: MIT */
/*
 * Semaphores of a program with one thread.
 *
 * Rule: nobody but a signal's handler could post while this thread waits. So a wait without end answers EDEADLK if there is
 * no handler, and EINTR if one has run and not posted; one with a deadline sleeps until it and answers ETIMEDOUT. They are
 * not shared with other programs: ENOSYS.
 */
#include <semaphore.h>
#include <unistd.h>

#include "newlib/glue.h"
#include "newlib/signals.h"

#define SEMAPHORE_MARK 0x5e3a9047u
#define NS_PER_S 1000000000l

/* 0, or -1 and EINVAL if it is no semaphore. */
static int check(const sem_t *semaphore)
{
    if (!semaphore || semaphore->__mark != SEMAPHORE_MARK) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static int fail(int reason)
{
    errno = reason;
    return -1;
}

int sem_init(sem_t *semaphore, int shared, unsigned value)
{
    if (value > SEM_VALUE_MAX) {
        return fail(EINVAL);
    }
    if (shared) {
        return fail(ENOSYS);
    }
    *semaphore = (sem_t){value, SEMAPHORE_MARK};
    return 0;
}

int sem_destroy(sem_t *semaphore)
{
    if (check(semaphore) != 0) {
        return -1;
    }
    semaphore->__mark = 0;
    return 0;
}

/* Take one; -1 and `otherwise` if there is none. */
static int take(sem_t *semaphore, int otherwise)
{
    if (check(semaphore) != 0) {
        return -1;
    }
    if (semaphore->__value == 0) {
        return fail(otherwise);
    }
    semaphore->__value--;
    return 0;
}

/* A handler has run: it may have posted. */
static int after_handler(sem_t *semaphore)
{
    return take(semaphore, EINTR);
}

int sem_wait(sem_t *semaphore)
{
    if (check(semaphore) == 0 && semaphore->__value == 0 && glue_signals_mask) {
        pause();
        return after_handler(semaphore);
    }
    return take(semaphore, EDEADLK);
}

int sem_trywait(sem_t *semaphore)
{
    return take(semaphore, EAGAIN);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    if (check(semaphore) != 0) {
        return -1;
    }
    if (semaphore->__value > 0) {
        return take(semaphore, 0);
    }
    if (until->tv_nsec < 0 || until->tv_nsec >= NS_PER_S) {
        return fail(EINVAL);
    }
    if (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, until, NULL) == EINTR) {
        return after_handler(semaphore);
    }
    return fail(ETIMEDOUT);
}

int sem_post(sem_t *semaphore)
{
    if (check(semaphore) != 0) {
        return -1;
    }
    if (semaphore->__value == SEM_VALUE_MAX) {
        return fail(EOVERFLOW);
    }
    semaphore->__value++;
    return 0;
}

int sem_getvalue(sem_t *restrict semaphore, int *restrict value)
{
    if (check(semaphore) != 0) {
        return -1;
    }
    *value = (int)semaphore->__value;
    return 0;
}
