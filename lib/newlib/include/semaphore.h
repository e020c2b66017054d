/* SPDX-License-Identifier: MIT */
/* Semaphores within one program (POSIX.1-2001). A program has one thread, so one that would wait for itself is told. */
#ifndef _SEMAPHORE_H
#define _SEMAPHORE_H

#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEM_VALUE_MAX 0x7fffffff
#define SEM_FAILED ((sem_t *)0)

typedef struct {
    unsigned __value;
    unsigned __mark; /* of one that sem_init() made and sem_destroy() has not ended */
} sem_t;

int sem_init(sem_t *__semaphore, int __shared, unsigned __value);
int sem_destroy(sem_t *__semaphore);
int sem_wait(sem_t *__semaphore);
int sem_trywait(sem_t *__semaphore);
int sem_timedwait(sem_t *__restrict __semaphore, const struct timespec *__restrict __until);
int sem_post(sem_t *__semaphore);
int sem_getvalue(sem_t *__restrict __semaphore, int *__restrict __value);

#ifdef __cplusplus
}
#endif

#endif
