/* SPDX-License-Identifier: MIT */
/*
 * What the console knows.
 *
 * Rule: input that nobody has read is in the service region (struct console_region of abi/console.toml) and nowhere else;
 * what is below in struct console follows from the command line and the machine, and every start finds it anew. The two
 * outbox pages hold what a rollback must not take back, because the outside world does not either:
 *   page 0  bytes taken from the line, numbered (input.c),
 *   page 1  how far each WRITE under way has come (output.c).
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

/* Notification bits. */
#define EVENT_UART 1  /* interrupt of COM1 */
#define EVENT_SERVE 2 /* from the console to itself: look again for readers that can be served */

static inline struct console_region *console_region(void)
{
    return server_region();
}

/* Read the options, set up the UARTs, take the interrupt. For every start. */
void console_find_devices(void);

#endif
