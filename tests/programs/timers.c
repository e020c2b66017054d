/* SPDX-License-Identifier: MIT */
/*
 * Signals at a time and waiting for signals: alarm, interval timers, POSIX's timers, sigwait, another stack; and what one
 * thread can use of pthreads. Prints `timers: N failures`.
 *
 * Rule: nothing may come early or be lost; how late is not looked at.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "checks.h"

#define NS_PER_S 1000000000ll
#define PERIOD_NS 10000000

static volatile sig_atomic_t caught;
static siginfo_t told;
static uintptr_t handler_place;
static sem_t semaphore;

static long long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void note(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    caught++;
    told = *info;
    handler_place = (uintptr_t)&signal_number;
}

static void post(int signal_number)
{
    (void)signal_number;
    sem_post(&semaphore);
}

static void catch(int signal_number, int flags)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = flags | SA_SIGINFO};

    caught = 0;
    CHECK(sigaction(signal_number, &action, NULL) == 0);
}

static void alarms(void)
{
    const struct itimerval often = {{0, PERIOD_NS / 1000}, {0, PERIOD_NS / 1000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    struct itimerval before;
    long long start = now_ns();
    pid_t child;

    child = fork();
    if (child == 0) { /* the default action, in the midst of computing */
        alarm(1);
        for (;;) {
        }
    }
    CHECK(WTERMSIG(status_of(child)) == SIGALRM && now_ns() - start >= NS_PER_S);
    catch(SIGALRM, 0);
    CHECK(alarm(100) == 0 && alarm(1) == 100);
    child = fork();
    if (child == 0) {
        _exit((int)alarm(0)); /* not inherited */
    }
    start = now_ns();
    CHECK(WEXITSTATUS(status_of(child)) == 0);
    CHECK(pause() == -1 && errno == EINTR && caught == 1 && told.si_signo == SIGALRM);
    CHECK(alarm(0) == 0);
    start = now_ns();
    caught = 0;
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (caught < 20) {
        pause();
    }
    CHECK(now_ns() - start >= 20ll * PERIOD_NS);
    CHECK(setitimer(ITIMER_REAL, &never, &before) == 0 && before.it_interval.tv_usec == PERIOD_NS / 1000);
    CHECK(before.it_value.tv_sec == 0 && before.it_value.tv_usec > 0 && before.it_value.tv_usec <= PERIOD_NS / 1000);
    caught = 0;
    usleep(3 * PERIOD_NS / 1000);
    CHECK(caught == 0 && getitimer(ITIMER_REAL, &before) == 0 && before.it_value.tv_usec == 0);
    CHECK(setitimer(ITIMER_VIRTUAL, &often, NULL) == -1 && errno == EINVAL);
}

/* An exec leaves the alarm. */
static void over_exec(void)
{
    char *arguments[] = {(char *)"timers", (char *)"wait", NULL};
    pid_t child = fork();

    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(1);
        execvp("timers", arguments);
        _exit(9);
    }
    CHECK(WTERMSIG(status_of(child)) == SIGALRM);
}

/* Expirations of a blocked signal: one signal and the others counted. */
static void overruns(timer_t timer)
{
    const struct itimerspec often = {{0, PERIOD_NS}, {0, PERIOD_NS}};
    const struct itimerspec never = {{0, 0}, {0, 0}};
    struct itimerspec left;
    long long start, most;
    siginfo_t info;
    sigset_t set;
    int overrun;

    catch(SIGUSR1, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    start = now_ns();
    CHECK(timer_settime(timer, 0, &often, NULL) == 0);
    CHECK(timer_gettime(timer, &left) == 0 && left.it_interval.tv_nsec == PERIOD_NS && left.it_value.tv_nsec > 0);
    usleep(10 * PERIOD_NS / 1000 + 5000);
    CHECK(caught == 0);
    CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_code == SI_TIMER && info.si_value.sival_int == 77);
    most = (now_ns() - start) / PERIOD_NS;
    overrun = timer_getoverrun(timer);
    CHECK(overrun >= 5 && overrun < most);
    CHECK(timer_settime(timer, 0, &never, NULL) == 0);
    sigtimedwait(&set, NULL, &never.it_value);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && caught == 0);
}

static void posix_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    struct itimerspec once = {.it_value = {0, PERIOD_NS}};
    long long start = now_ns();
    timer_t timer, another;

    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_create(CLOCK_REALTIME, NULL, &another) == 0);
    catch(SIGUSR1, 0);
    CHECK(timer_settime(timer, 0, &once, NULL) == 0);
    CHECK(pause() == -1 && caught == 1 && told.si_code == SI_TIMER && told.si_value.sival_int == 77);
    CHECK(now_ns() - start >= PERIOD_NS && timer_getoverrun(timer) == 0);
    catch(SIGALRM, 0);
    clock_gettime(CLOCK_REALTIME, &once.it_value);
    once.it_value.tv_sec++;
    start = now_ns();
    CHECK(timer_settime(another, TIMER_ABSTIME, &once, NULL) == 0);
    CHECK(pause() == -1 && caught == 1 && now_ns() - start >= NS_PER_S - 1000000);
    overruns(timer);
    CHECK(timer_delete(timer) == 0 && timer_delete(timer) == -1 && errno == EINVAL);
    event.sigev_signo = NSIG;
    CHECK(timer_create(CLOCK_REALTIME, &event, &timer) == -1 && errno == EINVAL && timer_delete(another) == 0);
}

static void waits(void)
{
    const struct timespec moment = {0, PERIOD_NS}, none = {0, 0};
    struct itimerval once = {{0, 0}, {0, PERIOD_NS / 1000}};
    long long start;
    siginfo_t info;
    sigset_t set;
    int number;

    signal(SIGALRM, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGUSR2);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
    CHECK(sigwait(&set, &number) == 0 && number == SIGALRM);
    CHECK(kill(getpid(), SIGUSR2) == 0 && sigwaitinfo(&set, &info) == SIGUSR2 && info.si_signo == SIGUSR2);
    start = now_ns();
    CHECK(sigtimedwait(&set, &info, &moment) == -1 && errno == EAGAIN && now_ns() - start >= PERIOD_NS);
    CHECK(sigtimedwait(&set, &info, &none) == -1 && errno == EAGAIN);
    catch(SIGUSR1, 0);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static void other_stack(void)
{
    static char memory[SIGSTKSZ];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, before;

    CHECK(sigaltstack(&stack, &before) == 0 && (before.ss_flags & SS_DISABLE));
    catch(SIGUSR1, SA_ONSTACK);
    CHECK(raise(SIGUSR1) == 0 && handler_place - (uintptr_t)memory < sizeof memory);
    catch(SIGUSR1, 0);
    CHECK(raise(SIGUSR1) == 0 && handler_place - (uintptr_t)memory >= sizeof memory);
    stack.ss_size = MINSIGSTKSZ - 1;
    CHECK(sigaltstack(&stack, NULL) == -1 && errno == ENOMEM);
    stack.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&stack, NULL) == 0);
}

/* A handler may post what the program waits for. */
static void semaphores(void)
{
    struct timespec until;

    signal(SIGALRM, post);
    CHECK(sem_init(&semaphore, 0, 0) == 0);
    ualarm(PERIOD_NS / 1000, 0);
    CHECK(sem_wait(&semaphore) == 0);
    catch(SIGALRM, 0);
    ualarm(PERIOD_NS / 1000, 0);
    CHECK(sem_wait(&semaphore) == -1 && errno == EINTR && caught == 1);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 100;
    ualarm(PERIOD_NS / 1000, 0);
    CHECK(sem_timedwait(&semaphore, &until) == -1 && errno == EINTR && caught == 2);
}

static int once_count;

static void count_once(void)
{
    once_count++;
}

static void mutexes(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_mutexattr_t attributes;
    pthread_key_t key;

    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_trylock(&mutex) == EBUSY);
    CHECK(pthread_mutex_lock(&mutex) == EDEADLK && pthread_mutex_destroy(&mutex) == EBUSY);
    CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == EPERM);
    CHECK(pthread_mutex_destroy(&mutex) == 0 && pthread_mutex_lock(&mutex) == EINVAL);
    CHECK(pthread_mutexattr_init(&attributes) == 0);
    CHECK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) == 0);
    CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
    CHECK(pthread_mutex_destroy(&mutex) == EBUSY && pthread_mutex_unlock(&mutex) == 0 && pthread_mutex_destroy(&mutex) == 0);
    CHECK(pthread_once(&once, count_once) == 0 && pthread_once(&once, count_once) == 0 && once_count == 1);
    CHECK(pthread_key_create(&key, NULL) == 0 && pthread_getspecific(key) == NULL);
    CHECK(pthread_setspecific(key, &key) == 0 && pthread_getspecific(key) == &key && pthread_key_delete(key) == 0);
    CHECK(pthread_setspecific(key, &key) == EINVAL && pthread_equal(pthread_self(), pthread_self()));
}

int main(int argument_count, char **arguments)
{
    if (argument_count > 1 && strcmp(arguments[1], "wait") == 0) {
        pause();
        return 8;
    }
    alarms();
    over_exec();
    posix_timers();
    waits();
    other_stack();
    semaphores();
    mutexes();
    printf("timers: %d failures\n", failures);
    return failures != 0;
}
