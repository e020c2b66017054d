/* SPDX-License-Identifier: MIT */
/*
 * Output, and what a crash does to it.
 *
 * Rule: exactly once, as far as it can be. What is on the wire cannot be taken back, so a WRITE notes in
 * the outbox, which no rollback touches, how many bytes have left and how many are about to (struct
 * progress). The kernel sends a chunk and wipes it from the message page as one; so recovery can tell from
 * the page whether the chunk under way has left, and the same WRITE, which runs again, goes on behind it.
 *
 * The bytes of a WRITE are in the outbox, too, while it is under way: recovery sends the rest before anybody else's, so that
 * a crash puts nobody's output into the midst of another's.
 *
 * A note is good for the WRITE that it was made in: its client, length and checksum agree, and no WRITE of
 * a client with this place in the table has committed since (region.writes). What remains: with more than
 * CONSOLE_WRITERS clients two may share a place, and then a crash can repeat a WRITE; a chunk of nothing
 * but NUL bytes can be repeated; and the echo of what is typed can.
 */
#ifndef SERVERS_CONSOLE_OUTPUT_H
#define SERVERS_CONSOLE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Send `bytes` bytes of the message page to `stream` for `binding`. Returns how many the line took, or
 * -PE_AGAIN if that is none of them.
 */
int64_t output_write(uint32_t binding, uint32_t stream, uint32_t bytes);

/* After a crash, before the message page is used: has the chunk under way left? */
void output_recover(void);

/* After a crash, when the lines are set up: the rest of the WRITE that was under way, as far as the line takes it. */
void output_finish(void);

/* Show what was typed (a line_echo); what the line does not take is not shown. */
void output_echo(const char *text, size_t bytes);

#endif
