/* SPDX-License-Identifier: MIT */
/*
 * Output, and what a crash does to it.
 *
 * Rule: at least once, and as a rule exactly once. What is on the wire cannot be taken back, so a WRITE notes in the outbox,
 * which no rollback touches, how many bytes have left. When the console dies in the midst of a WRITE, the same WRITE of
 * the same client runs again and goes on from there. Only a death in the few instructions between a chunk's leaving and
 * the note of it sends that chunk (at most CONSOLE_CHUNK_BYTES bytes) twice.
 *
 * A note is good for the WRITE that it was made in: its client, length and checksum agree, and no WRITE of a client with this
 * place in the table has committed since (region.writes). With more than CONSOLE_WRITERS clients two may share a place; then a crash
 * can repeat the whole of one WRITE.
 */
#ifndef SERVERS_CONSOLE_OUTPUT_H
#define SERVERS_CONSOLE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Send `bytes` bytes of the message page to `stream` for `binding`. Returns how many the line took, or -PE_AGAIN if that is
 * none of them.
 */
int64_t output_write(uint32_t binding, uint32_t stream, uint32_t bytes);

/* Show what was typed (a line_echo); what the line does not take is not shown. */
void output_echo(const char *text, size_t bytes);

#endif
