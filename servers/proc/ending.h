/* SPDX-License-Identifier: MIT */
/* How processes end. Rule: a process has ended when the last transaction of its binding is there, and not before. */
#ifndef SERVERS_PROC_ENDING_H
#define SERVERS_PROC_ENDING_H

#include "state.h"

/* The process of a client that has ended before its START: its binding carries the token. NULL if there is none. */
struct proc_process *ending_expected(uint32_t binding);

/* A process has ended: what it holds closes, its children are init's, its parent is told. */
void process_end(struct proc_process *process);

#endif
