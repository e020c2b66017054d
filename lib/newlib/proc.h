/* SPDX-License-Identifier: MIT */
/*
 * This program as a process of the process service (abi/proc.toml).
 *
 * Rule: a program that its parent announced says START before its main(); one that init started does at the first thing that
 * needs it. Without a process service there are no processes: then every such call answers ENODEV.
 */
#ifndef NEWLIB_PROC_H
#define NEWLIB_PROC_H

#include <stdint.h>

#include "abi/proc.h"
#include "newlib/glue.h"

/* Number and parent of this process, 0 before START. */
extern uint32_t glue_process;
extern uint32_t glue_parent;

/* Say START, with the parent's token or 0. 0 or -PE_*; *signals: those to ignore and, in the upper half, to block. */
int64_t glue_proc_start(uint32_t token, uint64_t *signals);

/* START if that has not been said. 0 or -PE_*. */
int64_t glue_proc_ready(void);

/* Call the process service: word 0 of the answer, >= 0 or -PE_*; the rest is in *call. */
int64_t glue_proc_call(uint32_t operation, struct pd_call *call);

/* The same with words only, of which nothing but word 0 comes back. */
int64_t glue_proc(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2);

#endif
