/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flipped bit of an SSE register. Kernel and services use none: whichever program's registers are in the processor has the
 * fault, and takes it along when the kernel saves them and loads them again.
 */
#ifndef FAULTINJECT_SSE_H
#define FAULTINJECT_SSE_H

#include "plan.h"
#include "results.h"

/* Damages the register and watches it: the first instruction of a program that reads or replaces it settles the activation. */
void inject_sse(struct experiment_record *record, unsigned number, const struct damage *damage);

/* It will be this register, and nothing can be translated anew when it is: instructions are to be followed from now on. */
void sse_expect(unsigned number);

/* For each instruction that is translated. */
void sse_translated(struct qemu_plugin_insn *instruction);

#endif
