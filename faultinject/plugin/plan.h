/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: one experiment a line, "INDEX TIME_NS KIND A B", ordered by time. TIME_NS is virtual time: the fault is put
 * in when exactly that many instructions (and skipped idle ns) have gone by, before the next one executes.
 */
#ifndef FAULTINJECT_PLAN_H
#define FAULTINJECT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,          /* "none": nothing is changed; the run must equal the golden one */
    FAULT_REGISTER,      /* "register" A=number (0..15 in the processor's order, 16 RIP, 17 RFLAGS) B=bit */
    FAULT_MEMORY,        /* "memory" A=virtual address in the running address space B=bit 0..7 */
    FAULT_PHYSICAL,      /* "physical" A=physical address B=bit 0..7 */
    FAULT_CODE,          /* "code" A=byte of the instruction about to execute B=bit 0..7 */
    FAULT_MEMORY_ABORT,  /* "abort": the next data access of the running service faults, once */
    FAULT_HANG,          /* "hang": the next instructions become an endless loop */
    FAULT_KILL           /* "kill" A=address: execution goes on there, where nothing is mapped */
};

enum { FAULT_REGISTER_RIP = 16, FAULT_REGISTER_FLAGS = 17 };

struct experiment {
    unsigned index;
    int64_t time_ns;
    enum fault_kind kind;
    uint64_t a;
    uint64_t b;
};

/* Reads the file; false after a message on stderr. Lines out of order are refused. */
bool plan_read(const char *path);
unsigned plan_count(void);
const struct experiment *plan_experiment(unsigned position);

#endif
