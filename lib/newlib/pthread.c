/* SPDX-License-Identifier: MIT */
/*
 * Mutexes, keys and once of a program with one thread.
 *
 * Rule: a mutex is a number: its type plus one in the low bits, above them how often it is locked. Nobody else could unlock
 * what this thread waits for, so a lock that would wait answers EDEADLK, and one with a deadline ETIMEDOUT when that has come.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#define TYPE_MASK 7u
#define LOCKED_ONCE 8u
#define LOCKED_MAXIMUM (UINT32_MAX & ~TYPE_MASK)
#define NS_PER_S 1000000000l
#define THIS_THREAD 1

static const void *values[PTHREAD_KEYS_MAX];
static unsigned char keys_used[PTHREAD_KEYS_MAX];

pthread_t pthread_self(void)
{
    return THIS_THREAD;
}

int pthread_equal(pthread_t first, pthread_t second)
{
    return first == second;
}

int pthread_mutexattr_init(pthread_mutexattr_t *attributes)
{
    *attributes = (pthread_mutexattr_t){.is_initialized = 1, .type = PTHREAD_MUTEX_DEFAULT};
    return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attributes)
{
    if (!attributes->is_initialized) {
        return EINVAL;
    }
    attributes->is_initialized = 0;
    return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *restrict attributes, int *restrict type)
{
    if (!attributes->is_initialized) {
        return EINVAL;
    }
    *type = attributes->type;
    return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *attributes, int type)
{
    if (!attributes->is_initialized || type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_DEFAULT) {
        return EINVAL;
    }
    attributes->type = type;
    return 0;
}

int pthread_mutex_init(pthread_mutex_t *restrict mutex, const pthread_mutexattr_t *restrict attributes)
{
    if (attributes && !attributes->is_initialized) {
        return EINVAL;
    }
    *mutex = (attributes ? (unsigned)attributes->type : PTHREAD_MUTEX_DEFAULT) + 1;
    return 0;
}

/* 0, or EINVAL if it is no mutex. One that was made by its initializer becomes what pthread_mutex_init() makes. */
static int check(pthread_mutex_t *mutex)
{
    if (*mutex == PTHREAD_MUTEX_INITIALIZER) {
        return pthread_mutex_init(mutex, NULL);
    }
    return (*mutex & TYPE_MASK) - 1 > PTHREAD_MUTEX_DEFAULT ? EINVAL : 0;
}

static int type_of(pthread_mutex_t mutex)
{
    return (int)(mutex & TYPE_MASK) - 1;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    if (check(mutex) != 0) {
        return EINVAL;
    }
    if (*mutex >= LOCKED_ONCE) {
        return EBUSY;
    }
    *mutex = 0;
    return 0;
}

/* Lock it, or answer `otherwise` if that would wait. */
static int lock(pthread_mutex_t *mutex, int otherwise)
{
    if (check(mutex) != 0) {
        return EINVAL;
    }
    if (*mutex >= LOCKED_ONCE && type_of(*mutex) != PTHREAD_MUTEX_RECURSIVE) {
        return otherwise;
    }
    if ((*mutex & LOCKED_MAXIMUM) + LOCKED_ONCE == LOCKED_MAXIMUM) {
        return EAGAIN;
    }
    *mutex += LOCKED_ONCE;
    return 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return lock(mutex, EDEADLK);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    return lock(mutex, EBUSY);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
    int result = lock(mutex, ETIMEDOUT);

    if (result != ETIMEDOUT) {
        return result;
    }
    if (type_of(*mutex) == PTHREAD_MUTEX_ERRORCHECK) {
        return EDEADLK;
    }
    if (until->tv_nsec < 0 || until->tv_nsec >= NS_PER_S) {
        return EINVAL;
    }
    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, until, NULL) == EINTR) {
    }
    return ETIMEDOUT;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (check(mutex) != 0) {
        return EINVAL;
    }
    if (*mutex < LOCKED_ONCE) {
        return EPERM;
    }
    *mutex -= LOCKED_ONCE;
    return 0;
}

int pthread_once(pthread_once_t *once, void (*routine)(void))
{
    if (!once->is_initialized) {
        return EINVAL;
    }
    if (!once->init_executed) {
        once->init_executed = 1;
        routine();
    }
    return 0;
}

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    (void)destructor;
    for (unsigned index = 0; index < PTHREAD_KEYS_MAX; index++) {
        if (!keys_used[index]) {
            keys_used[index] = 1;
            values[index] = NULL;
            *key = index;
            return 0;
        }
    }
    return EAGAIN;
}

int pthread_key_delete(pthread_key_t key)
{
    if (key >= PTHREAD_KEYS_MAX || !keys_used[key]) {
        return EINVAL;
    }
    keys_used[key] = 0;
    return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
    return key < PTHREAD_KEYS_MAX && keys_used[key] ? (void *)values[key] : NULL;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (key >= PTHREAD_KEYS_MAX || !keys_used[key]) {
        return EINVAL;
    }
    values[key] = value;
    return 0;
}
