/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modes that run the machine once, without experiments:
 *   golden  when each service executes (the timeline from which faults are sampled), the outcome, recoveries, the disk
 *   trace   which instructions of the services are executed, one by one, and what they read and replace
 *   crash   kills services again and again, reports crashes and recoveries; cuts the power at a given instruction
 *   count   privileged operations between the marks that a benchmark sets
 *   path    every instruction between two marks
 *   debug   one experiment, stopped for a debugger where its fault is due
 * Each reports to files named by options; crash, count and debug write a line an event, at once, so that a run which ends
 * abruptly leaves what was so far.
 */
#ifndef FAULTINJECT_OBSERVE_H
#define FAULTINJECT_OBSERVE_H

#include "stops.h"

/* How a stretch begins. */
enum stretch_begin {
    BEGIN_CONTINUED = 0, /* after an interrupt */
    BEGIN_START = 1,     /* an incarnation's first instruction */
    BEGIN_RESULT = 2,    /* back from an invocation */
    BEGIN_CALL = 3,      /* a request is delivered; the next two in the order of the kernel's DELIVER_* */
    BEGIN_EVENT = 4,
    BEGIN_UNBIND = 5
};

/* How it ends. */
enum stretch_end { END_INTERRUPTED = 0, END_REPLY = 1, END_INVOKE = 2 };

enum { OPERATION_NONE = 0xffff };

/* One stretch of uninterrupted execution of a service, as written to the timeline file. */
struct timeline_stretch {
    int64_t start_ns;
    int64_t end_ns; /* exclusive: end - start instructions were executed */
    int32_t service;
    uint32_t stage;
    uint32_t serving_binding;
    uint32_t incarnation;
    uint32_t begin;
    uint32_t end;
    uint32_t operation; /* of the request that is being served, or OPERATION_NONE */
    uint32_t selector;  /* END_INVOKE: slot, and operation from bit 16; END_REPLY: the reply's flags */
    uint32_t argument;  /* END_INVOKE: the first word's lower half */
    uint32_t zero;
};

extern const struct stop_handlers golden_handlers;
/* `limit_ns`: virtual time at which the run is ended, 0 for never. The results file has one record, for this run. */
bool golden_configure(const char *timeline_path, int64_t limit_ns);

extern const struct stop_handlers trace_handlers;
bool trace_configure(const char *path);

extern const struct stop_handlers crash_handlers;
/*
 * `names`: services, with + between them; NULL: nothing is killed. `every`: mean distance in instructions, at least 1; a name may be
 * followed by = and another, for it and those after it.
 * `cut`: virtual time at which the machine loses its power, 0 for never.
 */
bool crash_configure(const char *events_path, const char *names, uint64_t every, uint64_t seed, int64_t cut);

extern const struct stop_handlers count_handlers;
bool count_configure(const char *events_path);
/* Adds the address of a kernel entry point. */
bool count_add_entry(uint64_t address);

extern const struct stop_handlers path_handlers;
bool path_configure(const char *events_path);

extern const struct stop_handlers debug_handlers;
/* After plan_read(). */
bool debug_configure(const char *events_path);

/* A report of lines; NULL path: none is written. */
bool events_open(const char *path);
__attribute__((format(printf, 1, 2))) void events_write(const char *format, ...);
void events_write_recovery(const uint8_t *record);
void events_write_verdict(uint64_t code, uint64_t detail);

#endif
