/* SPDX-License-Identifier: MIT */
/* Signals inside this program. Rule: signals.c. */
#ifndef NEWLIB_SIGNALS_H
#define NEWLIB_SIGNALS_H

#include <signal.h>
#include <stdint.h>

/* Run the handlers of what has come and is not blocked; how many of them end the call that was interrupted. errno stays. */
int glue_signals_run(void);

/* The same, after a call that a signal has interrupted: 1 if the call is to be made again. */
static inline int glue_signals_restart(void)
{
    return glue_signals_run() == 0;
}

/* Make the notification by which the process service says that a signal has come, in SLOT_NOTIFICATION, if it is not there. */
void glue_signal_notification(void);

/* Signals that cannot be caught, ignored or blocked: bits of KILL, STOP, and of none. */
#define GLUE_UNBLOCKABLE ((uint32_t)1 << 9 | (uint32_t)1 << 17 | 1)

/* Tell the process service what is to be done with signals, but take `wanted` as caught and not blocked; a mask of the signals
 * that have come, or -PE_*. */
int64_t glue_signals_report(uint32_t wanted);

/* The signals that this program has handlers for. With any, it waits by calls that a signal ends. */
extern uint32_t glue_signals_mask;

/* Run what has come, if there is a handler at all: to be called where one may run. */
void glue_signals_check(void);
static inline void glue_safe_point(void)
{
    if (__builtin_expect(glue_signals_mask != 0, 0)) {
        glue_signals_check();
    }
}

/* Ignored signals in the low half, blocked ones in the upper: what passes over an exec. */
uint64_t glue_signals_kept(void);

/* The program is about to be another one: what was caught has its default again. */
void glue_signals_exec(void);

/* ---- timers.c ---- */
/* What a signal says that a timer of this program may have sent. */
void glue_timers_info(siginfo_t *info);
/* In a child, which has its parent's memory but none of its timers. */
void glue_timers_child(void);
/* The program is about to be another one. */
void glue_timers_exec(void);

/* At the start of a program: what its parent, or what it was before an exec, has left it. */
void glue_signals_start(uint64_t kept);

#endif
