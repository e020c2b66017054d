/* SPDX-License-Identifier: MIT */
/*
 * What runs beside the test: threads, domains and services made of this program's own code.
 *
 * Rule: this code is mapped in domains that have neither the C library nor this program's data. It uses its stack, the
 * board, constants and general registers, and nothing else.
 */
#ifndef USER_KERNELTEST_GUEST_H
#define USER_KERNELTEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define BOARD_ADDRESS 0x300000000ul  /* in every domain of the test */
#define BUFFER_ADDRESS 0x310000000ul /* pages that are lent */
#define BUFFER_PAGES 8
#define BOARD_ENTRIES 16

/* What all see and all may write. */
struct board {
    uint64_t starts;        /* of the service, in this test */
    uint64_t recoveries;    /* of them at the recovered entry */
    uint64_t serving;       /* deliveries begun */
    uint64_t release;       /* whoever waits for it goes on */
    uint64_t damage;        /* the next reply's first word is changed by it on the way */
    uint64_t hold;          /* GUEST_HANDOVER and those after it wait for `release` */
    uint64_t fault;         /* so many deliveries more end in a fault */
    uint64_t fault_start;   /* so many starts more end in a fault */
    uint64_t events;        /* bits taken */
    uint64_t event_count;
    uint64_t unbinds;
    uint64_t inner_done;    /* calls that the inner service has finished */
    uint64_t starts_before; /* inner_done when the outer service started last */
    uint64_t arrived[BOARD_ENTRIES]; /* by number of the thread: so many times round */
    int64_t status[BOARD_ENTRIES];
    uint64_t word[BOARD_ENTRIES];
    uint64_t order[BOARD_ENTRIES];
    uint64_t ordered;
    uint64_t event_reads; /* an event reads where clients' regions are in their calls */
    uint64_t event_lends; /* an event lends the page here, of the service, to the inner one's GUEST_FILL_LATE */
    uint64_t kept_at_start;  /* what the service kept of its first binding when it started last, a mask */
    uint64_t use_in[3];      /* by kind of delivery (GUEST_OWN_*): 1 + index of what is signalled there with bit 1 << kind */
    int64_t used_status[3];
    uint64_t event_binding;  /* whose, in an event */
    struct {
        uint64_t turn, address, write, value; /* value: written, then read */
    } probe;
    uint64_t scratch[64];
};

static inline volatile struct board *board(void)
{
    return (volatile struct board *)BOARD_ADDRESS;
}

/* Operations of the test service. */
enum guest_operation {
    GUEST_ADD = 1,     /* word 0 + word 1 */
    GUEST_COUNT,       /* ++ of the first quadword of the client's region; its value */
    GUEST_SET,         /* (index, value): quadword `index` of the region */
    GUEST_GET,         /* (index) */
    GUEST_HOLD,        /* until board.release, then count as GUEST_COUNT does */
    GUEST_DEFER,       /* the request is left with its client */
    GUEST_ANSWER,      /* (binding, value): the status of the answer */
    GUEST_ANSWER_BOTH, /* (binding, value, value) in one transaction; the second status */
    GUEST_SUM,         /* of the bytes of the first lent page */
    GUEST_FILL,        /* (value): all quadwords of the lent pages */
    GUEST_FILL_LATE,   /* the same after board.release */
    GUEST_FILL_DIRTY,  /* the same, then a fault if the board says so */
    GUEST_MESSAGE,     /* (bytes, value): the reply message */
    GUEST_NESTED,      /* (operation, word): call the inner service, lending what is lent here */
    GUEST_NESTED_OWN,  /* (operation, word): the same, lending a page of its own */
    GUEST_NESTED_MADE, /* (operation, word): the same, lending a page that it has mapped itself */
    GUEST_WORK,        /* (microseconds): so long, in instructions */
    GUEST_ALARM,       /* (deadline_ns, bits): an event at that time */
    GUEST_PARTS,       /* (parts): count in so many transactions, each as GUEST_COUNT does; a fault is in the last */
    GUEST_NONSENSE,    /* (seed): a reply with any flags, bytes and transfer */
    GUEST_REGION,      /* ++ of the service region's first quadword; its value */
    GUEST_CHECKED,     /* (bytes): count as GUEST_COUNT does; the reply has a check and so many bytes of a message */
    GUEST_HANDOVER,    /* those below: after them a fault, or board.release, if the board says so */
    GUEST_KEEP = GUEST_HANDOVER, /* (arrived, index): the status of SERVICE_KEEP */
    GUEST_DROP,        /* (binding, index) */
    GUEST_USE,         /* (binding, index, place) */
    GUEST_SIGNAL,      /* (slot, bits) */
    GUEST_SIGNAL_KEPT, /* (binding, index, bits) */
    GUEST_KIND,        /* (slot): what is there: badge << 16 | type << 8 | rights */
    GUEST_KEPT,        /* (place in the enumeration): a mask of indices */
    GUEST_SEND,        /* (slot, rights, flags): with the reply, badge 3 */
    GUEST_SEND_KEPT,   /* (binding, index, rights) */
    GUEST_PASS_ON,     /* (operation, word): call the inner service, sending the first arrival */
    GUEST_RECEIVE,     /* (operation, word): the same, and keep what its reply sends at index 5 */
    GUEST_HANDOVER_LAST = GUEST_RECEIVE,
    GUEST_KEEP_DEFER,  /* (arrived, index): keep, and leave the request with its client */
};

/* guest_checks.c: the check of a reply of one word (REPLY_CHECKED); the word as it is sent, changed if the board says so. */
uint64_t guest_check(uint64_t word, uint64_t bytes);
uint64_t guest_damaged(uint64_t word);

/* guest_handover.c: *transfer is the reply's descriptor; what the incarnation finds; other deliveries than calls. */
uint64_t guest_handover(uint64_t operation, const uint64_t word[4], uint64_t *transfer);
void guest_handover_started(void);
void guest_handover_own(uint64_t kind_of_delivery, uint64_t binding);

/* Deliveries without a caller, by the low bits of their kind. */
#define GUEST_OWN_EVENT (DELIVER_EVENT & 3)
#define GUEST_OWN_UNBIND (DELIVER_UNBIND & 3)

#define GUEST_INNER_SLOT 3900 /* the outer service's portal of the inner one */
#define GUEST_NEVER_SLOT 3901 /* this domain's notification that nobody signals */
#define GUEST_MEMORY_SLOT 3902 /* the outer service's memory, one page */
#define GUEST_MADE_ADDRESS 0x320000000ul
#define GUEST_STACK_PAGE 0x1fffc000ul /* the lowest of a service's stack */

/* Entries of services: first start, start after a failure. The argument is the incarnation. */
_Noreturn void guest_service_fresh(uint64_t incarnation);
_Noreturn void guest_service_recovered(uint64_t incarnation);

/* Threads. The argument is a number of theirs in its low byte, more above. */
_Noreturn void guest_spin(uint64_t argument);       /* for ever, counting arrived[] */
_Noreturn void guest_sleeper(uint64_t argument);    /* for ever */
/* Derives from slot (argument >> 8 & 0xffff), in the shape argument >> 24 (enum tree), and revokes, until board.release; while it
 * revokes, board.scratch[1] is 1; board.status[number] is what failed. */
_Noreturn void guest_reviser(uint64_t argument);
enum tree { TREE_WIDE, TREE_DEEP, TREE_BUSHY };
#define GUEST_REVISER(number, slot, shape) ((uint64_t)(number) | (uint64_t)(slot) << 8 | (uint64_t)(shape) << 24)
#define TREE_FIRST_SLOT 1000 /* what it derives lies here and after */
#define TREE_SLOTS 2500u
_Noreturn void guest_waiter(uint64_t argument);     /* waits for bit 1 of slot (argument >> 8), notes its turn */
_Noreturn void guest_exit(uint64_t argument);       /* ends its domain with status 7 */
_Noreturn void guest_write_code(uint64_t argument); /* faults */
_Noreturn void guest_run_data(uint64_t argument);   /* faults */
_Noreturn void guest_delete_self(uint64_t argument);/* deletes the capability of itself, in slot board.scratch[0] */
_Noreturn void guest_make_domain(uint64_t argument); /* in slot board.scratch[0], then sleeps */
_Noreturn void guest_set_priority(uint64_t argument);/* of a context in slot board.scratch[0], to argument >> 8; the status */
_Noreturn void guest_release_later(uint64_t argument);/* sets board.release at board.scratch[5] ns */
/* Looks at one place after another: each time board.probe.turn is one more, at board.probe.address, after writing if so wanted. */
_Noreturn void guest_prober(uint64_t argument);
_Noreturn void guest_writer(uint64_t argument);     /* writes to the buffer, again and again */

/* Calls portal slot (argument >> 8 & 0xffff), operation (argument >> 24 & 0xff), lending (argument >> 32 & 0xff) pages, out
 * if bit 40; with a message of 8 bytes if bit 41; word 0 is argument >> 48, word 1 board.scratch[1]. Notes status and word 0, then sleeps. */
_Noreturn void guest_caller(uint64_t argument);
#define GUEST_CALL(number, slot, operation, pages, flags, word)                                                 \
    ((uint64_t)(number) | (uint64_t)(slot) << 8 | (uint64_t)(operation) << 24 | (uint64_t)(pages) << 32 |       \
     (uint64_t)(flags) << 40 | (uint64_t)(word) << 48)

/* Calls portal slot (argument >> 8 & 0xffff), operation (argument >> 24 & 0xff), sending slot (argument >> 32 & 0xffff) with
 * flags (argument >> 48 & 1), offering slot board.scratch[2] if that is one; words 0-2 are board.scratch[3] and those after
 * it. Notes status, word 0 and the mask of what came (in order[number]), then sleeps. */
_Noreturn void guest_sender(uint64_t argument, uint64_t message);
#define GUEST_SENDER_ENTRY ((void (*)(uint64_t))(void (*)(void))guest_sender)
#define GUEST_SENDER(number, slot, operation, source, flags)                                                 \
    ((uint64_t)(number) | (uint64_t)(slot) << 8 | (uint64_t)(operation) << 24 | (uint64_t)(source) << 32 |      \
     (uint64_t)(flags) << 48)

#define GUEST_CALL_OUT 1
#define GUEST_CALL_MESSAGE 2

#endif
