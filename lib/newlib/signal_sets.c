/* SPDX-License-Identifier: MIT */
/* Sets of signals, and System V's way of blocking them. */
#include <errno.h>
#include <signal.h>

/* 0, or -1 and EINVAL. */
static int check(int signal_number)
{
    if (signal_number > 0 && signal_number < NSIG) {
        return 0;
    }
    errno = EINVAL;
    return -1;
}

int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

int sigfillset(sigset_t *set)
{
    *set = ((sigset_t)1 << NSIG) - 2;
    return 0;
}

int sigaddset(sigset_t *set, int signal_number)
{
    if (check(signal_number) != 0) {
        return -1;
    }
    *set |= (sigset_t)1 << signal_number;
    return 0;
}

int sigdelset(sigset_t *set, int signal_number)
{
    if (check(signal_number) != 0) {
        return -1;
    }
    *set &= ~((sigset_t)1 << signal_number);
    return 0;
}

int sigismember(const sigset_t *set, int signal_number)
{
    return check(signal_number) != 0 ? -1 : (int)(*set >> signal_number & 1);
}

/* Block or unblock one signal; what was blocked before. */
static int change(int signal_number, int how, sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    return sigaddset(&set, signal_number) == 0 ? sigprocmask(how, &set, before) : -1;
}

int sighold(int signal_number)
{
    return change(signal_number, SIG_BLOCK, NULL);
}

int sigrelse(int signal_number)
{
    return change(signal_number, SIG_UNBLOCK, NULL);
}

int sigignore(int signal_number)
{
    const struct sigaction action = {.sa_handler = SIG_IGN};

    return sigaction(signal_number, &action, NULL);
}

int sigpause(int signal_number)
{
    sigset_t mask;

    sigprocmask(SIG_BLOCK, NULL, &mask);
    return sigdelset(&mask, signal_number) == 0 ? sigsuspend(&mask) : -1;
}

int siginterrupt(int signal_number, int interrupts)
{
    struct sigaction action;

    if (sigaction(signal_number, NULL, &action) != 0) {
        return -1;
    }
    action.sa_flags = interrupts ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
    return sigaction(signal_number, &action, NULL);
}

_sig_func_ptr sigset(int signal_number, _sig_func_ptr handler)
{
    const struct sigaction action = {.sa_handler = handler};
    struct sigaction old;
    sigset_t before;

    if (sigaction(signal_number, handler == SIG_HOLD ? NULL : &action, &old) != 0 ||
        change(signal_number, handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, &before) != 0) {
        return SIG_ERR;
    }
    return sigismember(&before, signal_number) ? SIG_HOLD : old.sa_handler;
}
