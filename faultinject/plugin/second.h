/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second fault during the recovery from a first. The first is a kill, here and now. The second is put in before one of
 * the instructions that the recovering service executes until it is ready, or that the monitor executes until the
 * recovery is over: the experiment's place is a fraction of all these, so that each is as likely as any other. How many there
 * are a rehearsal tells: a forked copy of the machine that recovers from the kill alone, and is thrown away.
 */
#ifndef FAULTINJECT_SECOND_H
#define FAULTINJECT_SECOND_H

#include "plan.h"
#include "results.h"

/*
 * Rehearses, in a process of its own, and returns the number of instructions. To be called before anything of this process
 * is the experiment's, with the processor exactly before the first fault. `limit` arms what ends a rehearsal without end.
 */
uint64_t second_rehearse(const struct experiment *experiment, void (*limit)(void));

/* Puts in the first fault and, when it is due, the second. `points` is what the rehearsal told. */
void second_begin(const struct experiment *experiment, struct experiment_record *record, uint64_t points);

/* Whether this process is a rehearsal. */
bool second_is_rehearsal(void);

/* The end of a rehearsal, whatever it is. */
_Noreturn void second_rehearsed(void);

/* For each instruction that is translated. */
void second_translated(struct qemu_plugin_insn *instruction);

#endif
