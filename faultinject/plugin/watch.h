/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following a service instruction by instruction after an injection. Only instructions of the service, in the address
 * space in which the fault was put in, are looked at; while the kernel or others run, the guest runs freely and
 * the watch goes on when the service does.
 *
 * What counts as a use of a register bit: an instruction that reads it, a system call whose arguments it belongs to,
 * a push that saves it. Control flags (TF, IF, IOPL, AC) are in force with the next instruction and so are used at
 * once. An instruction that the decoder does not know counts as a use.
 */
#ifndef FAULTINJECT_WATCH_H
#define FAULTINJECT_WATCH_H

#include "decode.h"
#include "results.h"

enum { WATCH_INSTRUCTIONS_MAX = 4096, HOLD_INSTRUCTIONS = 200 };

/* Watches bits of a register (0..15, REGISTER_RIP, or 17 for RFLAGS) and sets record->activation. */
void watch_register(struct experiment_record *record, unsigned number, uint64_t mask);

/* Holds bits of a general register as in `value` for HOLD_INSTRUCTIONS instructions of the service. */
void watch_register_held(struct experiment_record *record, unsigned number, uint64_t mask, uint64_t value);

/* Calls `visit` with each instruction that the service is about to execute, until it returns true. */
void watch_instructions(struct experiment_record *record, bool (*visit)(const struct instruction *instruction));

/* The same for a service that is not the one that executes here, in its address space. */
void watch_service(struct experiment_record *record, int service, uint64_t cr3,
                   bool (*visit)(const struct instruction *instruction));

/* Calls `done` when one more instruction has been executed. */
void watch_one_step(void (*done)(void));

/* Instructions are being watched, or a step is yet to be made. */
bool watch_goes_on(void);

#endif
