/* SPDX-License-Identifier: MIT */
/*
 * console: the serial line, for programs and for people.
 *
 *     WRITE -> output.c -> uart.c -> COM1 (stream 2: COM2 when framed)
 *     COM1 -> interrupt -> event -> input.c -> line.c -> region -> READ, or the answer to a deferred READ
 *
 * The console keeps nothing per client. Input that nobody has read is in the service region, so a crash
 * loses none; what a crash does to output is said in output.h. Options on the kernel's command line:
 * console=framed (the far end is a program: line.h) or console=tty, and the size of the terminal, columns=N
 * rows=N.
 *
 * Switching the UART's FIFO on clears it, so a byte that comes at that instant of the first start is lost;
 * who sends by machine waits for `console: ready` in the kernel's log.
 *
 * Rule: a READ is answered in the transaction that takes its bytes out of the region, at once or in an event.
 */
#include "servers/common/server.h"

#include "input.h"
#include "state.h"

void service_start_fresh(void)
{
    console_region()->magic = CONSOLE_MAGIC;
    console_find_devices();
    input_drain(); /* what was sent before the UART was set up */
    console_set_up_devices();
    server_log("console: ready"); /* a program at the far end sends nothing before it sees this */
}

void service_event(uint64_t bits)
{
    if (bits & (EVENT_UART | EVENT_CHECK)) { /* an interrupt may have been lost */
        input_drain();
    }
    if (console_region()->interrupted) {
        input_tell_interrupt();
    } else {
        input_serve_readers();
    }
}

/* A client that leaves takes nothing along: its deferred READ is gone already. */
void service_unbind(struct request *request)
{
    (void)request;
}
