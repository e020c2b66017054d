/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two lines on which QEMU answers to anyone: the debugger's protocol of its gdb stub, and its monitor's (QMP). Both are
 * sockets that the harness gives to QEMU, which has one end of each, and to this plugin, which has the other.
 *
 * All but wire_ask_to_stop() only from one thread, and not from the processor's; and but for wire_await() only while the
 * machine is stopped. What QEMU does not answer as it should ends the process with a message.
 */
#ifndef FAULTINJECT_WIRE_H
#define FAULTINJECT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All registers in the order and sizes of the gdb stub's packet g for x86-64. */
enum { WIRE_REGISTERS = 66, WIRE_REGISTER_BYTES_MAX = 16, WIRE_ALL_BYTES = 608 };

void wire_open(int debugger, int monitor);

/* Greets both; the machine has not begun. */
void wire_begin(void);

/* The one byte by which the stub is asked to stop the machine. From any thread. */
void wire_ask_to_stop(void);

enum wire_event { WIRE_STOPPED, WIRE_NOTHING, WIRE_RESET, WIRE_SHUTDOWN };

/* Waits until the machine has stopped or wants to end; WIRE_NOTHING after `timeout_ms`. */
enum wire_event wire_await(int timeout_ms);

void wire_continue(void);

void wire_read_registers(uint8_t bytes[WIRE_ALL_BYTES]);
/* Where in them a register is, and its size. */
size_t wire_register_place(unsigned number, size_t *size_bytes);
void wire_write_register(unsigned number, const uint8_t *bytes, size_t size_bytes);
/* False when nothing is there. */
bool wire_write_memory(uint64_t address, const uint8_t *bytes, size_t length_bytes, bool physical);

/* Instructions executed since the machine's start. */
int64_t wire_instructions(void);
/* The same, and in `*skipped_ns` the idle time that was skipped. Slower. */
int64_t wire_instructions_and_idle(int64_t *skipped_ns);

#endif
