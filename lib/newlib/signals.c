/* SPDX-License-Identifier: MIT */
/*
 * Signals inside this program.
 *
 * Rule: the process service knows which signals are caught, ignored and blocked, and is told of every change at once; it ends
 * the process, drops the signal, or keeps it. A handler runs in the thread that makes system calls, at the end of the call
 * that the signal has interrupted, or of the one in which the program sends it to itself. An interrupted call answers
 * EINTR when a handler without SA_RESTART has run; else it goes on.
 */
#include "newlib/signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "newlib/proc.h"
#include "perdure/domain.h"
#include "perdure/notification.h"

#define LIMIT PROC_SIGNAL_LIMIT

static struct sigaction actions[LIMIT];
static stack_t other_stack = {.ss_flags = SS_DISABLE};
static uint32_t blocked;
uint32_t glue_signals_mask; /* signals that are caught */
static uint32_t ignored;

static uint32_t bit_of(int signal_number)
{
    return (uint32_t)1 << signal_number;
}

static int is_signal(int signal_number)
{
    return signal_number > 0 && signal_number < LIMIT;
}

int64_t glue_signals_report(uint32_t wanted)
{
    return glue_proc(PROC_SIGNALS, glue_signals_mask | wanted, ignored & ~wanted, blocked & ~wanted);
}

/* What is done with a signal has changed. */
static void report(void)
{
    glue_signals_report(0);
}

void glue_signal_notification(void)
{
    pd_create_notification(SLOT_SELF_DOMAIN, SLOT_NOTIFICATION);
}

void glue_signals_check(void)
{
    uint64_t bits;

    if (pd_poll(SLOT_NOTIFICATION, ~(uint64_t)0, &bits) == PD_OK && bits) {
        glue_signals_run();
    }
}

uint64_t glue_signals_kept(void)
{
    return ignored | (uint64_t)blocked << 32;
}

void glue_signals_exec(void)
{
    if (glue_signals_mask) {
        glue_signals_mask = 0;
        report();
    }
}

void glue_signals_start(uint64_t kept)
{
    ignored = (uint32_t)kept;
    blocked = (uint32_t)(kept >> 32);
    for (int number = 1; number < LIMIT; number++) {
        actions[number].sa_handler = ignored & bit_of(number) ? SIG_IGN : SIG_DFL;
    }
}

struct handling {
    struct sigaction action;
    siginfo_t info;
};

static void handle(struct handling *handling)
{
    if (handling->action.sa_flags & SA_SIGINFO) {
        handling->action.sa_sigaction(handling->info.si_signo, &handling->info, NULL);
    } else {
        handling->action.sa_handler(handling->info.si_signo);
    }
}

/* Is this code running on the stack that sigaltstack() has set? */
static int on_other_stack(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    return !(other_stack.ss_flags & SS_DISABLE) && here - (uintptr_t)other_stack.ss_sp < other_stack.ss_size;
}

static void handle_on_other_stack(struct handling *handling)
{
    uintptr_t top = ((uintptr_t)other_stack.ss_sp + other_stack.ss_size) & ~(uintptr_t)15;

    __asm__ volatile("mov %%rsp, %%rbx\n\tmov %1, %%rsp\n\tcall *%2\n\tmov %%rbx, %%rsp"
                     : "+D"(handling)
                     : "r"(top), "r"(handle)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
                       "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc",
                       "memory");
}

static void run_handler(int signal_number)
{
    struct handling handling = {actions[signal_number], {.si_signo = signal_number, .si_code = SI_USER}};
    int flags = handling.action.sa_flags;
    uint32_t before = blocked;

    glue_timers_info(&handling.info);
    if (flags & SA_RESETHAND) {
        signal(signal_number, SIG_DFL);
    }
    blocked |= ((uint32_t)handling.action.sa_mask | (flags & SA_NODEFER ? 0 : bit_of(signal_number))) & ~GLUE_UNBLOCKABLE;
    report();
    if ((flags & SA_ONSTACK) && !(other_stack.ss_flags & SS_DISABLE) && !on_other_stack()) {
        handle_on_other_stack(&handling);
    } else {
        handle(&handling);
    }
    blocked = before;
    report();
}

int sigaltstack(const stack_t *restrict stack, stack_t *restrict before)
{
    int busy = on_other_stack();

    if (before) {
        *before = other_stack;
        before->ss_flags |= busy ? SS_ONSTACK : 0;
    }
    if (!stack) {
        return 0;
    }
    if (busy || (stack->ss_flags & ~SS_DISABLE) || (!(stack->ss_flags & SS_DISABLE) && stack->ss_size < MINSIGSTKSZ)) {
        errno = busy ? EPERM : stack->ss_flags & ~SS_DISABLE ? EINVAL : ENOMEM;
        return -1;
    }
    other_stack = *stack;
    return 0;
}

int glue_signals_run(void)
{
    int kept_errno = errno;
    int interrupting = 0;
    int64_t taken;

    if (!glue_signals_mask) {
        return 0;
    }
    while ((taken = glue_proc(PROC_TAKE, ~blocked, 0, 0)) > 0) {
        for (uint32_t left = (uint32_t)taken; left; left &= left - 1) {
            int number = __builtin_ctz(left);

            if (glue_signals_mask & bit_of(number)) {
                interrupting += !(actions[number].sa_flags & SA_RESTART);
                run_handler(number);
            }
        }
    }
    errno = kept_errno;
    return interrupting;
}

/* Nothing happens by default. */
static int has_no_effect(int signal_number)
{
    switch (signal_number) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        return 1;
    default:
        return 0;
    }
}

int raise(int signal_number)
{
    if (!is_signal(signal_number)) {
        errno = EINVAL;
        return -1;
    }
    if ((glue_signals_mask & ~blocked & bit_of(signal_number)) != 0) {
        run_handler(signal_number);
        return 0;
    }
    if ((ignored & bit_of(signal_number)) || (!(blocked & bit_of(signal_number)) && has_no_effect(signal_number))) {
        return 0;
    }
    if (!(blocked & bit_of(signal_number)) && (glue_proc_ready() < 0 || glue_parent == PROC_INIT)) {
        _exit(128 + signal_number); /* nobody waits for it who could tell a signal from a status */
    }
    return (int)glue_result(glue_proc(PROC_KILL, glue_process, (uint64_t)signal_number, 0));
}

int kill(pid_t number, int signal_number)
{
    int64_t result;

    if (number > 0 && number == getpid() && glue_parent <= PROC_INIT && is_signal(signal_number) &&
        !((blocked | glue_signals_mask) & bit_of(signal_number))) {
        return raise(signal_number);
    }
    result = glue_proc(PROC_KILL, (uint64_t)(int64_t)number, (uint64_t)signal_number, 0);

    glue_signals_run();
    return (int)glue_result(result);
}

int killpg(pid_t group, int signal_number)
{
    return kill(-group, signal_number);
}

int sigaction(int signal_number, const struct sigaction *restrict action, struct sigaction *restrict before)
{
    uint32_t bit;

    if (!is_signal(signal_number) || (action && (signal_number == SIGKILL || signal_number == SIGSTOP))) {
        errno = EINVAL;
        return -1;
    }
    if (before) {
        *before = actions[signal_number];
    }
    if (!action) {
        return 0;
    }
    bit = bit_of(signal_number);
    actions[signal_number] = *action;
    glue_signals_mask &= ~bit;
    ignored &= ~bit;
    if (action->sa_handler == SIG_IGN) {
        ignored |= bit;
    } else if (action->sa_handler != SIG_DFL) {
        glue_signals_mask |= bit;
    }
    report();
    return 0;
}

_sig_func_ptr signal(int signal_number, _sig_func_ptr handler)
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sigaction before;

    return sigaction(signal_number, &action, &before) == 0 ? before.sa_handler : SIG_ERR;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    uint32_t wanted = blocked;

    if (before) {
        *before = blocked;
    }
    if (!set) {
        return 0;
    }
    switch (how) {
    case SIG_BLOCK:
        wanted |= (uint32_t)*set;
        break;
    case SIG_UNBLOCK:
        wanted &= ~(uint32_t)*set;
        break;
    case SIG_SETMASK:
        wanted = (uint32_t)*set;
        break;
    default:
        errno = EINVAL;
        return -1;
    }
    wanted &= ~GLUE_UNBLOCKABLE;
    if (wanted != blocked) {
        blocked = wanted;
        report();
        glue_signals_run();
    }
    return 0;
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    return sigprocmask(how, set, before) == 0 ? 0 : errno;
}

int sigpending(sigset_t *set)
{
    int64_t pending = glue_result(glue_proc(PROC_SIGNALS, glue_signals_mask, ignored, blocked));

    *set = pending < 0 ? 0 : (sigset_t)pending;
    return pending < 0 ? -1 : 0;
}

/* Wait for a signal that has a handler. */
static int wait_for_signal(void)
{
    if (glue_proc(PROC_POLL, 0, 0, UINT64_MAX) == -PE_INTR) {
        glue_signals_run();
    }
    errno = EINTR;
    return -1;
}

int pause(void)
{
    return wait_for_signal();
}

int sigsuspend(const sigset_t *mask)
{
    uint32_t before = blocked;

    blocked = (uint32_t)*mask & ~GLUE_UNBLOCKABLE;
    report();
    wait_for_signal();
    blocked = before;
    report();
    errno = EINTR;
    return -1;
}
