/* SPDX-License-Identifier: MIT */
/*
 * The line discipline: what received bytes become, and what a reader gets.
 *
 * Rule: pure functions of the region and one byte. The ring `input` holds `ready_bytes` bytes that readers
 * may take, then `pending_bytes` bytes of the line that is still being edited; their sum never exceeds
 * CONSOLE_INPUT_BYTES.
 *
 *  framed            the far end is a program. Bytes are data, but for DLE 'E' (end of file, for good) and
 *                    DLE DLE (one DLE).
 *  terminal, raw     bytes are data.
 *  terminal, cooked  a line becomes ready with its newline; CR is newline; backspace and DEL erase a
 *                    character, Ctrl-W a word, Ctrl-U the line, Ctrl-C the line with a new line on the screen, and
 *                    `interrupted` is set for who calls; Ctrl-D makes
 *                    ready what there is, and at the start of a line is an end of file (one read returns 0).
 *                    Everything is echoed, control characters as ^X.
 */
#ifndef SERVERS_CONSOLE_LINE_H
#define SERVERS_CONSOLE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/console.h"

#define LINE_NOTHING (-1) /* line_read: nothing is there yet */

/* Who sees what is typed; may be called several times for one byte. */
typedef void line_echo(const char *text, size_t bytes);

/* Is there room for what one more byte can become? While not, leave bytes with the far end. */
bool line_wants(const struct console_region *region, bool terminal);

/* Take one received byte. line_wants() must hold. */
void line_receive(struct console_region *region, bool terminal, uint8_t byte, line_echo *echo);

/*
 * Move up to `count` bytes that are ready to `to`: in cooked mode of a terminal at most one line. Returns
 * how many, 0 at the end of the file, or LINE_NOTHING.
 */
int32_t line_read(struct console_region *region, bool terminal, uint8_t *to, uint32_t count);

/* How many bytes line_read would return at once (0 also when it would return LINE_NOTHING). */
uint32_t line_available(const struct console_region *region, bool terminal);

/* Change the mode (CONSOLE_MODE_*). An unfinished line becomes ready when lines no longer count. */
void line_set_mode(struct console_region *region, uint32_t mode);

#endif
