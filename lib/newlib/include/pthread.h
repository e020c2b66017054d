/* SPDX-License-Identifier: MIT */
/*
 * What libraries use of threads so that they could be shared by some: mutexes, keys, once (POSIX.1-2001).
 * Rule: a program has one thread. There is no pthread_create(), and one that would wait for itself is told: EDEADLK.
 */
#ifndef __PTHREAD_h
#define __PTHREAD_h

#include <sched.h>
#include <signal.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PTHREAD_MUTEX_INITIALIZER _PTHREAD_MUTEX_INITIALIZER
#define PTHREAD_ONCE_INIT _PTHREAD_ONCE_INIT
#define PTHREAD_KEYS_MAX 128
#define PTHREAD_DESTRUCTOR_ITERATIONS 4

pthread_t pthread_self(void);
int pthread_equal(pthread_t __first, pthread_t __second);

int pthread_mutex_init(pthread_mutex_t *__restrict __mutex, const pthread_mutexattr_t *__restrict __attributes);
int pthread_mutex_destroy(pthread_mutex_t *__mutex);
int pthread_mutex_lock(pthread_mutex_t *__mutex);
int pthread_mutex_trylock(pthread_mutex_t *__mutex);
int pthread_mutex_timedlock(pthread_mutex_t *__restrict __mutex, const struct timespec *__restrict __until);
int pthread_mutex_unlock(pthread_mutex_t *__mutex);
int pthread_mutexattr_init(pthread_mutexattr_t *__attributes);
int pthread_mutexattr_destroy(pthread_mutexattr_t *__attributes);
int pthread_mutexattr_gettype(const pthread_mutexattr_t *__restrict __attributes, int *__restrict __type);
int pthread_mutexattr_settype(pthread_mutexattr_t *__attributes, int __type);

int pthread_once(pthread_once_t *__once, void (*__routine)(void));

/* Keys: no thread ends before the program does, so no destructor is ever called. */
int pthread_key_create(pthread_key_t *__key, void (*__destructor)(void *));
int pthread_key_delete(pthread_key_t __key);
void *pthread_getspecific(pthread_key_t __key);
int pthread_setspecific(pthread_key_t __key, const void *__value);

#ifdef __cplusplus
}
#endif

#endif
