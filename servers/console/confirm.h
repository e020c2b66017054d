/* SPDX-License-Identifier: MIT */
/*
 * What is about to leave, looked at once more: nothing that is on the wire can be taken back.
 *
 * Rule: pure functions that go the other way, from the chunk back to the text, and from its end to its start.
 */
#ifndef SERVERS_CONSOLE_CONFIRM_H
#define SERVERS_CONSOLE_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether the `chunk_bytes` bytes at `chunk` are what the `taken` bytes at `from` become on the line: a terminal gets CR before
 * each newline. Nothing at all is not a chunk.
 */
bool confirm_chunk(const uint8_t *chunk, uint32_t chunk_bytes, const uint8_t *from, uint32_t taken, bool terminal);

/*
 * Whether the `bytes` bytes at `to` are those at `from`. By words: it is executed again whenever the console dies in a WRITE, before
 * anything has left.
 */
bool confirm_copy(const uint8_t *to, const uint8_t *from, uint32_t bytes);

#endif
