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
    FAULT_REGISTER,      /* "register" A=number (0..15 in the processor's order, 16 RIP, 17 RFLAGS) B=damage */
    FAULT_ASSIGN,        /* "assign" A=value that the register gets B=its number */
    FAULT_MEMORY,        /* "memory" A=virtual address in the running address space B=damage */
    FAULT_PHYSICAL,      /* "physical" A=physical address B=damage */
    FAULT_STACK,         /* "stack" A=address where the stack begins B=damage, its place among the bytes in use */
    FAULT_CODE,          /* "code" A=byte of the instruction about to execute B=damage */
    FAULT_MUTATE,        /* "mutate" A=enum mutation B=its choice: the next instruction that it applies to */
    FAULT_MEMORY_ABORT,  /* "abort": the next data access of the running service faults, once */
    FAULT_HANG,          /* "hang": the next instructions become an endless loop */
    FAULT_DELAY,         /* "delay" A=ns: the same, for so long */
    FAULT_KILL,          /* "kill" A=address: execution goes on there, where nothing is mapped */
    FAULT_REGION,        /* "region" A=enum copy, service's number from bit 8 B=damage, its place among all the bytes */
    FAULT_EVENT_AGAIN,   /* "event-again" A=service's number: the event that begins here comes once more */
    FAULT_QUOTA,         /* "quota" A=service's number: its domain gets no more memory */
    FAULT_SSE            /* "sse" A=number of an SSE register B=damage, of its 128 bits */
};

/*
 * A kind may be preceded by "recovering+" or "monitor+": then the first fault is a kill, and this one is put in during the
 * recovery from it (second.h), at the place that B names.
 */
enum second { SECOND_NONE, SECOND_IN_SERVICE, SECOND_IN_MONITOR };

enum { FAULT_REGISTER_RIP = 16, FAULT_REGISTER_FLAGS = 17 };

/* Which bytes of a service's server state regions. */
enum copy {
    COPY_IN_USE,    /* the working copies that the running transaction has opened */
    COPY_WORKING,   /* those that it has not: at rest */
    COPY_COMMITTED  /* the copies that count */
};

/* What the classic software faults make of an instruction. */
enum mutation {
    MUTATION_SKIP,             /* any instruction is left out */
    MUTATION_BRANCH_INVERT,    /* a conditional jump has the opposite condition */
    MUTATION_BRANCH_NEVER,     /* it is left out */
    MUTATION_OFF_BY_ONE,       /* < becomes <=, > becomes >=, and the other way round */
    MUTATION_STUCK_LOOP,       /* a conditional jump back is always taken */
    MUTATION_SOURCE,           /* another register is read */
    MUTATION_DESTINATION,      /* another register is written */
    MUTATION_MISSING_STORE,    /* an instruction that writes memory is left out */
    MUTATION_MISSING_START,    /* an instruction that sets a register to a constant is left out */
    MUTATION_MISSING_ARGUMENT, /* an instruction that sets an argument register is left out */
    MUTATION_POINTER,          /* the base register of a memory operand is B (0: null) */
    MUTATION_OVERRUN,          /* a repeated string instruction goes on for B more */
    MUTATIONS
};

/*
 * Damage, as an operand: bits 0-7 the first bit (of the byte or register), bits 8-15 how many more that follow,
 * bits 16-19 what is done to them, bit 20 whether they are held so from then on; bits 32-62 a place, as a fraction of
 * all places there are.
 */
enum damage_effect { DAMAGE_INVERT, DAMAGE_CLEAR, DAMAGE_SET };

struct damage {
    unsigned first_bit;
    unsigned bits;
    enum damage_effect effect;
    bool held;
    uint64_t place; /* of 1 << 31 */
};

struct experiment {
    unsigned index;
    int64_t time_ns;
    enum fault_kind kind;
    enum second second;
    uint64_t a;
    uint64_t b;
};

struct damage damage_read(uint64_t operand);
/* The bits that it is about. */
uint64_t damage_mask(const struct damage *damage);
/* What it makes of a value. */
uint64_t damage_apply(const struct damage *damage, uint64_t value);
/* Its place among `count` of them. */
uint64_t damage_place(const struct damage *damage, uint64_t count);

/* Reads the file; false after a message on stderr. Lines out of order are refused. */
bool plan_read(const char *path);
unsigned plan_count(void);
const struct experiment *plan_experiment(unsigned position);

#endif
