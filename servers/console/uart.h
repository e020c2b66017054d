/* SPDX-License-Identifier: MIT */
/*
 * A 16550 UART, reached through an IOPORT capability.
 *
 * Rule: nothing is assumed of its state but what uart_set_up made, and the FIFO is never
 * cleared once it is on, so that a restart loses no byte.
 */
#ifndef SERVERS_CONSOLE_UART_H
#define SERVERS_CONSOLE_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_FIFO_BYTES 16

struct uart {
    uint32_t slot;  /* of its eight ports */
    uint16_t first; /* port */
    bool present;
};

/* Find out whether it is there. */
void uart_find(struct uart *uart, uint32_t slot, uint16_t first_port);

/*
 * Set it up: 115200 baud, 8 bits, FIFO on, receive interrupts as asked: at the first byte, or in bulk (at 14
 * bytes, or when the line has paused). At the first start the FIFO begins empty: a byte that has come
 * already must have been taken.
 */
void uart_set_up(const struct uart *uart, bool receive_interrupts, bool in_bulk);

/* Switch receive interrupts. */
void uart_set_receive_interrupts(const struct uart *uart, bool enabled);

/* Has it received a byte? */
bool uart_has_input(const struct uart *uart);

/* Take the received byte. Only after uart_has_input. It is left in *uart_taken() as well. */
uint8_t uart_take(const struct uart *uart);

/*
 * Where the last byte taken can be found even by the next incarnation; UART_NOTHING_TAKEN until the UART
 * has given it.
 */
#define UART_NOTHING_TAKEN UINT64_MAX
volatile uint64_t *uart_taken(void);

/*
 * Can it take UART_FIFO_BYTES bytes? Waits for a short time. false: the far end takes nothing for the
 * moment.
 */
bool uart_is_sendable(const struct uart *uart);

/*
 * Send the first 1..UART_FIFO_BYTES bytes of the message page as one. Only after uart_is_sendable. Each
 * byte that has left is 0 in the page, and none has left or all have, whenever this server dies.
 */
void uart_send(const struct uart *uart, uint32_t bytes);

#endif
