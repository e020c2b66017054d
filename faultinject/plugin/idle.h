/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time in which the processor does nothing is skipped and not spent: a halted processor, and an empty loop (nothing but
 * NOPs and a jump back to the first), of which as many whole rounds are skipped as end before the next timer is due.
 * Registers, memory, and the count of instructions are afterwards what executing the rounds would have made of them.
 */
#ifndef FAULTINJECT_IDLE_H
#define FAULTINJECT_IDLE_H

#include "qemu.h"

/* Halted processors only, from now on: to compare with. */
void idle_execute_loops(void);

/* Instructions of one round if these bytes begin with an empty loop, else 0. */
unsigned idle_loop_instructions(const uint8_t *bytes, size_t length_bytes);

/* Instruments a block that is being translated, if it halts the processor or is an empty loop. */
void idle_translated(struct qemu_plugin_tb *block);

#endif
