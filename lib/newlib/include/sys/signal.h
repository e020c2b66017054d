/* SPDX-License-Identifier: MIT */
/*
 * Signals 1 to 31 (POSIX.1-2001, XSI).
 * Rule: what is named here works. There are no signals that queue (SIGRTMIN, sigqueue()), and a handler is not told who sent
 * a signal (si_pid).
 */
#ifndef _SYS_SIGNAL_H
#define _SYS_SIGNAL_H

#include <sys/_sigset.h>
#include <sys/_timespec.h>
#include <sys/cdefs.h>
#include <sys/features.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(_SIGSET_T_DECLARED)
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGIOT SIGABRT
#define SIGEMT 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGBUS 10
#define SIGSEGV 11
#define SIGSYS 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGURG 16
#define SIGSTOP 17
#define SIGTSTP 18
#define SIGCONT 19
#define SIGCHLD 20
#define SIGCLD SIGCHLD
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGIO 23
#define SIGPOLL SIGIO
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGLOST 29
#define SIGUSR1 30
#define SIGUSR2 31
#define NSIG 32

typedef void (*_sig_func_ptr)(int);

#define SIG_HOLD ((_sig_func_ptr)2) /* of sigset(): block it */

union sigval {
    int sival_int;
    void *sival_ptr;
};

/* si_code */
#define SI_USER 1
#define SI_QUEUE 2
#define SI_TIMER 3
#define SI_ASYNCIO 4
#define SI_MESGQ 5

typedef struct {
    int si_signo;
    int si_code;
    int si_errno;
    pid_t si_pid; /* 0: not known */
    uid_t si_uid;
    int si_status;
    void *si_addr;
    long si_band;
    union sigval si_value; /* of a timer */
} siginfo_t;

#define SA_NOCLDSTOP 1
#define SA_RESTART 2
#define SA_RESETHAND 4
#define SA_NODEFER 8
#define SA_SIGINFO 16
#define SA_ONSTACK 32

struct sigaction {
    union {
        _sig_func_ptr __handler;
        void (*__action)(int, siginfo_t *, void *);
    } __on_signal;
#define sa_handler __on_signal.__handler
#define sa_sigaction __on_signal.__action
    sigset_t sa_mask;
    int sa_flags;
};

#define SIG_SETMASK 0
#define SIG_BLOCK 1
#define SIG_UNBLOCK 2

/* What a timer does when it expires. */
#define SIGEV_NONE 1
#define SIGEV_SIGNAL 2

struct sigevent {
    int sigev_notify;
    int sigev_signo;
    union sigval sigev_value;
};

#define MINSIGSTKSZ 8192
#define SIGSTKSZ 32768
#define SS_ONSTACK 1
#define SS_DISABLE 2

typedef struct sigaltstack {
    void *ss_sp;
    int ss_flags;
    size_t ss_size;
} stack_t;

int kill(pid_t __process, int __signal);
int killpg(pid_t __group, int __signal);
int sigaction(int __signal, const struct sigaction *__restrict __action, struct sigaction *__restrict __before);
int sigaltstack(const stack_t *__restrict __stack, stack_t *__restrict __before);

int sigemptyset(sigset_t *__set);
int sigfillset(sigset_t *__set);
int sigaddset(sigset_t *__set, int __signal);
int sigdelset(sigset_t *__set, int __signal);
int sigismember(const sigset_t *__set, int __signal);

int sigprocmask(int __how, const sigset_t *__restrict __set, sigset_t *__restrict __before);
int pthread_sigmask(int __how, const sigset_t *__restrict __set, sigset_t *__restrict __before);
int sigpending(sigset_t *__set);
int sigsuspend(const sigset_t *__mask);
int sigwait(const sigset_t *__restrict __set, int *__restrict __signal);
int sigwaitinfo(const sigset_t *__restrict __set, siginfo_t *__restrict __info);
int sigtimedwait(const sigset_t *__restrict __set, siginfo_t *__restrict __info,
                 const struct timespec *__restrict __longest);

/* System V's way of blocking signals. */
_sig_func_ptr sigset(int __signal, _sig_func_ptr __handler);
int sighold(int __signal);
int sigrelse(int __signal);
int sigignore(int __signal);
int sigpause(int __signal);
int siginterrupt(int __signal, int __interrupts);

#ifdef __cplusplus
}
#endif

/* Some programs take this header for <signal.h>. */
#ifndef _SIGNAL_H_
#include <signal.h>
#endif

#endif
