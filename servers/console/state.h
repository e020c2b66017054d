/* SPDX-License-Identifier: MIT */
/*
 * What the console knows.
 *
 * Rule: input that nobody has read is in the service region (struct console_region of abi/console.toml) and
 * nowhere else; struct console follows from the command line and the machine, and every start finds it
 * anew. The outbox holds what a rollback must not take back, because the outside world does not either
 * (struct console_outbox).
 */
#ifndef SERVERS_CONSOLE_STATE_H
#define SERVERS_CONSOLE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/server.h"

#include "abi/console.h"
#include "uart.h"

struct console {
    struct uart first;  /* COM1: input, and output */
    struct uart second; /* COM2: stream 2 when framed */
    bool terminal;      /* a person sits there; else the far end is a program and input is framed */
    uint32_t columns;
    uint32_t rows;
};

extern struct console console;

#define JOURNAL_ENTRIES 1024

/* How far a WRITE has come; one 64-bit word, so that no crash leaves half of it. */
struct progress_point {
    uint32_t sent;        /* bytes of the message */
    uint16_t leaving;     /* bytes of the message in the chunk under way */
    uint16_t chunk_bytes; /* bytes of that chunk, 0 when none is under way */
};

struct progress {
    uint32_t binding;
    uint32_t bytes;
    uint32_t checksum; /* of stream and bytes */
    uint32_t writes;   /* region.writes of this place when it began */
    struct progress_point point;
};

/* What is in the outbox pages. Its words are written in the order of the program. */
struct console_outbox {
    volatile uint32_t journal[JOURNAL_ENTRIES]; /* bytes taken from the line (input.c) */
    struct progress progress[CONSOLE_WRITERS];  /* WRITEs under way (output.c) */
    volatile uint64_t taking; /* 1 + the number of the byte that is being taken, 0 for none */
    volatile uint32_t writing;      /* 1 + the place of the WRITE whose bytes `outgoing` holds, 0 for none */
    volatile uint32_t stream;       /* of that WRITE */
    uint8_t outgoing[MESSAGE_BYTES]; /* the message of a WRITE, while the message page goes to and fro */
};

#define CONSOLE_PANIC_PROGRESS 0x636e0001 /* fault record's code: of a WRITE, something else was about to leave, has left or was noted */

_Static_assert(sizeof(struct progress_point) == sizeof(uint64_t), "written as one");
_Static_assert(sizeof(struct console_outbox) <= 3 * PAGE_BYTES, "the outbox of the manifest");

static inline struct console_outbox *console_outbox(void)
{
    return server_outbox();
}

/* Notification bits. */
#define EVENT_UART  1 /* interrupt of COM1 */
#define EVENT_SERVE 2 /* from the console to itself: look again for readers that can be served */

/* The bit that tells the process service of Ctrl-C (servers/proc/state.h). */
#define NOTIFIED_INTERRUPT 1

static inline struct console_region *console_region(void)
{
    return server_region();
}

/* Read the options, find the UARTs. For every start. */
void console_find_devices(void);

/* Set up the UARTs, take the interrupt. For every start, after console_find_devices. */
void console_set_up_devices(void);

#endif
