/* SPDX-License-Identifier: MIT */
/* Clocks and sleeping. Rule: wall time is the boot page's epoch plus the time-stamp counter; no call is made to read it. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "newlib/proc.h"
#include "newlib/signals.h"
#include "perdure/boot.h"
#include "perdure/thread.h"

#define NS_PER_S 1000000000l
/* Longer sleeps are taken as this long: a hundred years. */
#define LONGEST_S 3155760000l

static int is_time(const struct timespec *time)
{
    return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < NS_PER_S;
}

/* Processor time of this program; the time since boot where it may not ask. */
static uint64_t processor_ns(void)
{
    uint64_t consumed_ns;

    if (pd_sched_context_info(SLOT_SCHED_CONTEXT, &consumed_ns) == PD_OK) {
        return consumed_ns;
    }
    return pd_now_ns();
}

int clock_gettime(clockid_t clock_id, struct timespec *now)
{
    uint64_t ns;

    switch (clock_id) {
    case CLOCK_REALTIME:
        ns = pd_boot_info()->epoch_s * NS_PER_S + pd_now_ns();
        break;
    case CLOCK_MONOTONIC:
        ns = pd_now_ns();
        break;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
        ns = processor_ns();
        break;
    default:
        errno = EINVAL;
        return -1;
    }
    now->tv_sec = (time_t)(ns / NS_PER_S);
    now->tv_nsec = (long)(ns % NS_PER_S);
    return 0;
}

int clock_getres(clockid_t clock_id, struct timespec *resolution)
{
    struct timespec now;

    if (clock_gettime(clock_id, &now) != 0) {
        return -1;
    }
    if (resolution) {
        *resolution = (struct timespec){0, 1};
    }
    return 0;
}

int clock_settime(clockid_t clock_id, const struct timespec *now)
{
    errno = clock_id == CLOCK_REALTIME && is_time(now) ? EPERM : EINVAL;
    return -1;
}

int clock_getcpuclockid(pid_t process, clockid_t *clock_id)
{
    if (process != 0 && process != getpid()) {
        return kill(process, 0) == 0 ? EPERM : ESRCH;
    }
    *clock_id = CLOCK_PROCESS_CPUTIME_ID;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

clock_t clock(void)
{
    return (clock_t)(processor_ns() / 1000);
}

clock_t times(struct tms *answer)
{
    *answer = (struct tms){.tms_utime = (clock_t)(processor_ns() / 1000)};
    return (clock_t)(pd_now_ns() / 1000);
}

int getrusage(int who, struct rusage *answer)
{
    uint64_t us = who == RUSAGE_SELF ? processor_ns() / 1000 : 0;

    *answer = (struct rusage){.ru_utime = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)}};
    return 0;
}

/* Sleep until this time since boot: 0, EINTR when a handler has run, or EIO. */
static int sleep_until(uint64_t until)
{
    while (pd_now_ns() < until) {
        int64_t status = PD_OK;

        if (!glue_signals_mask) {
            status = pd_sleep_until(until);
        } else if (glue_proc(PROC_POLL, 0, 0, until) == -PE_INTR) {
            glue_signals_run();
            return EINTR;
        }
        if (status != PD_OK && status != PD_TIMEOUT) {
            return EIO;
        }
    }
    return 0;
}

/* What is left until a time since boot. */
static struct timespec rest(uint64_t until)
{
    uint64_t now = pd_now_ns();
    uint64_t left = until > now ? until - now : 0;

    return (struct timespec){(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
}

/* The time since boot that `wanted` of a clock means, or a long time from now on. */
static uint64_t time_of(clockid_t clock_id, int flags, const struct timespec *wanted)
{
    uint64_t start = flags & TIMER_ABSTIME ? 0 : pd_now_ns();
    uint64_t ns;

    if (flags & TIMER_ABSTIME && clock_id == CLOCK_REALTIME) {
        uint64_t epoch_s = pd_boot_info()->epoch_s;

        if ((uint64_t)wanted->tv_sec < epoch_s) {
            return 0;
        }
        ns = ((uint64_t)wanted->tv_sec - epoch_s) * NS_PER_S + (uint64_t)wanted->tv_nsec;
        return (uint64_t)wanted->tv_sec - epoch_s < LONGEST_S ? ns : (uint64_t)LONGEST_S * NS_PER_S;
    }
    ns = (uint64_t)wanted->tv_sec * NS_PER_S + (uint64_t)wanted->tv_nsec;
    return start + (wanted->tv_sec < LONGEST_S ? ns : (uint64_t)LONGEST_S * NS_PER_S);
}

int clock_nanosleep(clockid_t clock_id, int flags, const struct timespec *wanted, struct timespec *left)
{
    uint64_t until;
    int result;

    if (clock_id != CLOCK_REALTIME && clock_id != CLOCK_MONOTONIC) {
        return clock_id == CLOCK_PROCESS_CPUTIME_ID ? ENOTSUP : EINVAL;
    }
    if (!is_time(wanted)) {
        return EINVAL;
    }
    until = time_of(clock_id, flags, wanted);
    result = sleep_until(until);
    if (left && !(flags & TIMER_ABSTIME)) {
        *left = rest(until);
    }
    return result;
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    int problem = clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);

    if (problem) {
        errno = problem;
        return -1;
    }
    return 0;
}

unsigned sleep(unsigned seconds)
{
    const struct timespec wanted = {seconds, 0};
    struct timespec left;

    return nanosleep(&wanted, &left) == 0 ? 0 : (unsigned)left.tv_sec + (left.tv_nsec > 0);
}

int usleep(useconds_t microseconds)
{
    const struct timespec wanted = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000 * 1000)};

    return nanosleep(&wanted, NULL);
}
