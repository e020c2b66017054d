/* SPDX-License-Identifier: MIT */
/*
 * Signals at a time: alarm(), the real interval timer, and POSIX's timers.
 *
 * Rule: they are alarms of the process service, which sends the signals; here is only which of them a program has made, and
 * what it wants to be told. Alarm 0 is alarm()'s and setitimer()'s, the others are timer_create()'s.
 */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "newlib/proc.h"
#include "newlib/signals.h"
#include "perdure/boot.h"

#define NS_PER_S 1000000000ull
#define US_PER_S 1000000

struct timer {
    struct sigevent event;
    clockid_t clock_id;
    int used;
};

static struct timer timers[PROC_ALARMS]; /* the first is not used */

static int fail(int reason)
{
    errno = reason;
    return -1;
}

/* As nanoseconds, at most three hundred years. */
static uint64_t ns_of(time_t seconds, uint64_t ns)
{
    return (uint64_t)seconds < INT64_MAX / NS_PER_S ? (uint64_t)seconds * NS_PER_S + ns : INT64_MAX;
}

/* A time that the process service takes. */
static uint64_t at_most(uint64_t ns)
{
    return ns < PROC_TIME_MAXIMUM ? ns : PROC_TIME_MAXIMUM;
}

/* Set an alarm; in *before when the one before was due and its period. 0, or -1 and errno. */
static int set(unsigned alarm, uint64_t due_ns, uint64_t period_ns, int signal_number, uint64_t before[2])
{
    struct pd_call call = {.word = {alarm, at_most(due_ns), at_most(period_ns), (uint64_t)signal_number}};
    int64_t result = glue_proc_call(PROC_ALARM, &call);

    before[0] = call.word[1];
    before[1] = call.word[2];
    return (int)glue_result(result);
}

/* How long until an alarm that is due then: at least a moment, 0 if it is not set. */
static uint64_t until(uint64_t due_ns)
{
    uint64_t now = pd_now_ns();

    return due_ns == 0 ? 0 : due_ns > now ? due_ns - now : 1;
}

unsigned alarm(unsigned seconds)
{
    uint64_t before[2];

    if (set(0, seconds ? pd_now_ns() + seconds * NS_PER_S : 0, 0, SIGALRM, before) != 0) {
        return 0;
    }
    return (unsigned)((until(before[0]) + NS_PER_S - 1) / NS_PER_S);
}

useconds_t ualarm(useconds_t first, useconds_t period)
{
    uint64_t before[2];

    if (set(0, first ? pd_now_ns() + first * 1000ull : 0, period * 1000ull, SIGALRM, before) != 0) {
        return 0;
    }
    return (useconds_t)(until(before[0]) / 1000);
}

static struct timeval timeval_of(uint64_t ns)
{
    uint64_t us = (ns + 999) / 1000;

    return (struct timeval){(time_t)(us / US_PER_S), (suseconds_t)(us % US_PER_S)};
}

static int is_timeval(const struct timeval *time)
{
    return time->tv_sec >= 0 && time->tv_usec >= 0 && time->tv_usec < US_PER_S;
}

int setitimer(int which, const struct itimerval *restrict wanted, struct itimerval *restrict old)
{
    uint64_t before[2];
    uint64_t first;

    if (which != ITIMER_REAL || !is_timeval(&wanted->it_value) || !is_timeval(&wanted->it_interval)) {
        return fail(EINVAL);
    }
    first = ns_of(wanted->it_value.tv_sec, (uint64_t)wanted->it_value.tv_usec * 1000);
    if (set(0, first ? pd_now_ns() + first : 0,
            ns_of(wanted->it_interval.tv_sec, (uint64_t)wanted->it_interval.tv_usec * 1000), SIGALRM, before) != 0) {
        return -1;
    }
    if (old) {
        *old = (struct itimerval){.it_value = timeval_of(until(before[0])), .it_interval = timeval_of(before[1])};
    }
    return 0;
}

int getitimer(int which, struct itimerval *now)
{
    struct pd_call call = {.word = {0, 0, 0, 0}};
    int64_t result;

    if (which != ITIMER_REAL) {
        return fail(EINVAL);
    }
    result = glue_proc_call(PROC_ALARM_INFO, &call);
    if (result < 0) {
        return (int)glue_result(result);
    }
    *now = (struct itimerval){.it_value = timeval_of(until(call.word[1])), .it_interval = timeval_of(call.word[2])};
    return 0;
}

/* The timer of this number; NULL and EINVAL. */
static struct timer *find(timer_t number)
{
    if (number == 0 || number >= PROC_ALARMS || !timers[number].used) {
        errno = EINVAL;
        return NULL;
    }
    return &timers[number];
}

int timer_create(clockid_t clock_id, struct sigevent *restrict event, timer_t *restrict number)
{
    struct sigevent wanted = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};

    if (clock_id == CLOCK_PROCESS_CPUTIME_ID || clock_id == CLOCK_THREAD_CPUTIME_ID) {
        return fail(ENOTSUP);
    }
    if (event) {
        wanted = *event;
    }
    if ((clock_id != CLOCK_REALTIME && clock_id != CLOCK_MONOTONIC) ||
        (wanted.sigev_notify != SIGEV_NONE && wanted.sigev_notify != SIGEV_SIGNAL) ||
        (wanted.sigev_notify == SIGEV_SIGNAL && (wanted.sigev_signo < 1 || wanted.sigev_signo >= NSIG))) {
        return fail(EINVAL);
    }
    for (unsigned index = 1; index < PROC_ALARMS; index++) {
        if (!timers[index].used) {
            if (!event) {
                wanted.sigev_value.sival_int = (int)index;
            }
            timers[index] = (struct timer){wanted, clock_id, 1};
            *number = index;
            return 0;
        }
    }
    return fail(EAGAIN);
}

int timer_delete(timer_t number)
{
    struct timer *timer = find(number);
    uint64_t before[2];

    if (!timer || set((unsigned)number, 0, 0, 0, before) != 0) {
        return -1;
    }
    timer->used = 0;
    return 0;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
}

static int is_timespec(const struct timespec *time)
{
    return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < (long)NS_PER_S;
}

/* When a timer is due that is set to this, as time since boot; 0 if it is to be off. */
static uint64_t due(const struct timer *timer, int flags, const struct timespec *value)
{
    uint64_t wanted = ns_of(value->tv_sec, (uint64_t)value->tv_nsec);
    uint64_t start = pd_now_ns();

    if (wanted == 0) {
        return 0;
    }
    if (flags & TIMER_ABSTIME) {
        uint64_t epoch = timer->clock_id == CLOCK_REALTIME ? pd_boot_info()->epoch_s * NS_PER_S : 0;

        return wanted > epoch ? wanted - epoch : 1;
    }
    return start + wanted;
}

int timer_settime(timer_t number, int flags, const struct itimerspec *restrict wanted, struct itimerspec *restrict old)
{
    const struct timer *timer = find(number);
    uint64_t before[2];

    if (!timer || !is_timespec(&wanted->it_value) || !is_timespec(&wanted->it_interval)) {
        return fail(EINVAL);
    }
    if (set((unsigned)number, due(timer, flags, &wanted->it_value),
            ns_of(wanted->it_interval.tv_sec, (uint64_t)wanted->it_interval.tv_nsec),
            timer->event.sigev_notify == SIGEV_SIGNAL ? timer->event.sigev_signo : 0, before) != 0) {
        return -1;
    }
    if (old) {
        *old = (struct itimerspec){.it_value = timespec_of(until(before[0])), .it_interval = timespec_of(before[1])};
    }
    return 0;
}

/* What the process service says of a timer; -1 and errno. */
static int ask(timer_t number, struct pd_call *call)
{
    *call = (struct pd_call){.word = {number, 0, 0, 0}};
    return find(number) ? (int)glue_result(glue_proc_call(PROC_ALARM_INFO, call)) : -1;
}

int timer_gettime(timer_t number, struct itimerspec *now)
{
    struct pd_call call;

    if (ask(number, &call) != 0) {
        return -1;
    }
    *now = (struct itimerspec){.it_value = timespec_of(until(call.word[1])), .it_interval = timespec_of(call.word[2])};
    return 0;
}

int timer_getoverrun(timer_t number)
{
    struct pd_call call;

    return ask(number, &call) == 0 ? (int)call.word[3] : -1;
}

void glue_timers_info(siginfo_t *info)
{
    for (unsigned index = 1; index < PROC_ALARMS; index++) {
        const struct sigevent *event = &timers[index].event;

        if (timers[index].used && event->sigev_notify == SIGEV_SIGNAL && event->sigev_signo == info->si_signo) {
            info->si_code = SI_TIMER;
            info->si_value = event->sigev_value;
            return;
        }
    }
}

void glue_timers_child(void)
{
    for (unsigned index = 1; index < PROC_ALARMS; index++) {
        timers[index].used = 0;
    }
}

void glue_timers_exec(void)
{
    for (unsigned index = 1; index < PROC_ALARMS; index++) {
        if (timers[index].used) {
            timer_delete(index);
        }
    }
}
