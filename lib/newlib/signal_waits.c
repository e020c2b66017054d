/* SPDX-License-Identifier: MIT */
/*
 * Waiting for signals without handlers.
 *
 * Rule: for as long as the wait lasts, the process service takes the signals waited for as caught and not blocked; so they
 * end a wait and are kept. Then things are as they were before.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "newlib/proc.h"
#include "newlib/signals.h"
#include "perdure/boot.h"

#define NS_PER_S 1000000000l
#define NO_END UINT64_MAX

/* The first of these signals, taken; -1 and EAGAIN at `until_ns`, or EINTR when another one's handler has run. */
static int await(uint32_t wanted, uint64_t until_ns)
{
    for (;;) {
        int64_t pending = glue_signals_report(wanted);
        uint32_t found = pending < 0 ? 0 : (uint32_t)pending & wanted;
        int64_t result;

        if (pending < 0) {
            return (int)glue_result(pending);
        }
        if (found) {
            int number = __builtin_ctz(found);

            glue_proc(PROC_TAKE, (uint64_t)1 << number, 0, 0);
            glue_signals_report(0);
            return number;
        }
        result = glue_proc(PROC_POLL, 0, 0, until_ns);
        if (result == -PE_INTR && (glue_signals_report(wanted) & wanted) == 0) {
            glue_signals_report(0);
            glue_signals_run();
            errno = EINTR;
            return -1;
        }
        if (result != -PE_INTR && (glue_signals_report(wanted) & wanted) == 0) {
            glue_signals_report(0);
            errno = result < 0 ? (int)-result : EAGAIN;
            return -1;
        }
    }
}

static int tell(int number, siginfo_t *info)
{
    if (number > 0 && info) {
        *info = (siginfo_t){.si_signo = number, .si_code = SI_USER};
        glue_timers_info(info);
    }
    return number;
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
    return tell(await((uint32_t)*set & ~GLUE_UNBLOCKABLE, NO_END), info);
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict longest)
{
    uint64_t until = NO_END;

    if (longest && (longest->tv_sec < 0 || longest->tv_nsec < 0 || longest->tv_nsec >= NS_PER_S)) {
        errno = EINVAL;
        return -1;
    }
    if (longest) {
        until = pd_now_ns() + (uint64_t)longest->tv_sec * NS_PER_S + (uint64_t)longest->tv_nsec;
    }
    return tell(await((uint32_t)*set & ~GLUE_UNBLOCKABLE, until), info);
}

int sigwait(const sigset_t *restrict set, int *restrict signal_number)
{
    int kept_errno = errno;
    int number;

    do {
        number = sigwaitinfo(set, NULL);
    } while (number < 0 && errno == EINTR);
    if (number < 0) {
        number = errno;
        errno = kept_errno;
        return number;
    }
    *signal_number = number;
    return 0;
}
