/* SPDX-License-Identifier: MIT */
/* 16550 UART (National Semiconductor PC16550D data sheet). Rule: uart.h. */
#include "uart.h"

#include "perdure/boot.h"
#include "servers/common/server.h"

#define UART_DATA             0
#define UART_INTERRUPT_ENABLE 1
#define UART_FIFO_CONTROL     2
#define UART_LINE_CONTROL     3
#define UART_MODEM_CONTROL    4
#define UART_LINE_STATUS      5
#define UART_SCRATCH          7

#define INTERRUPT_RECEIVED  0x01
#define FIFO_ENABLE         0x01 /* without the bits that clear the FIFOs; an interrupt at the first byte */
#define FIFO_TRIGGER_14     0xc0 /* an interrupt at 14 bytes, or after a pause */
#define LINE_8N1            0x03
#define LINE_DIVISOR_ACCESS 0x80
#define MODEM_READY         0x0b /* DTR, RTS, and OUT2, which lets interrupts out */
#define STATUS_RECEIVED     0x01
#define STATUS_SEND_EMPTY   0x20
#define SCRATCH_PATTERN     0x5a

/* Place in the message page of the last byte taken; beyond what a chunk of output needs. */
#define TAKEN_PLACE 64

/* How long a full FIFO is waited for: well below the service's hang limit. */
#define SEND_LOOK_NS 2000000u

static uint8_t port_in(const struct uart *uart, uint16_t offset)
{
    struct pd_call call = {.word = {uart->first + offset, 1}};

    if (pd_invoke(uart->slot, IOPORT_IN, &call) != PD_OK) {
        server_panic(SERVER_PANIC_MANIFEST);
    }
    return (uint8_t)call.word[0];
}

static void port_out(const struct uart *uart, uint16_t offset, uint8_t value)
{
    if (pd_invoke_4(uart->slot, IOPORT_OUT, uart->first + offset, 1, value, 0) != PD_OK) {
        server_panic(SERVER_PANIC_MANIFEST);
    }
}

static bool is_ioport(uint32_t slot)
{
    uint64_t type, rights, badge;

    return pd_identify(slot, &type, &rights, &badge) == PD_OK && type == OBJECT_IOPORT;
}

void uart_find(struct uart *uart, uint32_t slot, uint16_t first_port)
{
    uart->slot = slot;
    uart->first = first_port;
    uart->present = false;
    if (!is_ioport(slot) && !is_ioport(slot)) { /* that there is no line is believed when it is told twice */
        return;
    }
    port_out(uart, UART_SCRATCH, SCRATCH_PATTERN);
    uart->present = port_in(uart, UART_SCRATCH) == SCRATCH_PATTERN;
}

void uart_set_up(const struct uart *uart, bool receive_interrupts, bool in_bulk)
{
    if (!uart->present) {
        return;
    }
    port_out(uart, UART_INTERRUPT_ENABLE, 0);
    port_out(uart, UART_LINE_CONTROL, LINE_DIVISOR_ACCESS);
    port_out(uart, UART_DATA, 1);
    port_out(uart, UART_INTERRUPT_ENABLE, 0); /* the divisor's high byte */
    port_out(uart, UART_LINE_CONTROL, LINE_8N1);
    port_out(uart, UART_FIFO_CONTROL, FIFO_ENABLE | (in_bulk ? FIFO_TRIGGER_14 : 0));
    port_out(uart, UART_MODEM_CONTROL, MODEM_READY);
    uart_set_receive_interrupts(uart, receive_interrupts);
}

void uart_set_receive_interrupts(const struct uart *uart, bool enabled)
{
    if (uart->present) {
        port_out(uart, UART_INTERRUPT_ENABLE, enabled ? INTERRUPT_RECEIVED : 0);
    }
}

bool uart_has_input(const struct uart *uart)
{
    return uart->present && (port_in(uart, UART_LINE_STATUS) & STATUS_RECEIVED) != 0;
}

volatile uint64_t *uart_taken(void)
{
    return (uint64_t *)((uint8_t *)server_message() + TAKEN_PLACE);
}

uint8_t uart_take(const struct uart *uart)
{
    struct pd_call call = {.word = {uart->first + UART_DATA, 1, TAKEN_PLACE}};

    if (pd_invoke(uart->slot, IOPORT_IN, &call) != PD_OK) {
        server_panic(SERVER_PANIC_MANIFEST);
    }
    return (uint8_t)call.word[0];
}

/* The same question in other code: that a line takes nothing is believed when it is told twice, or its clients would try for ever. */
static bool is_empty(const struct uart *uart)
{
    struct pd_call call = {.word = {uart->first + UART_LINE_STATUS, 1}};

    return pd_invoke(uart->slot, IOPORT_IN, &call) == PD_OK && call.word[0] & STATUS_SEND_EMPTY;
}

bool uart_is_sendable(const struct uart *uart)
{
    uint64_t until_ns;

    if (!uart->present || port_in(uart, UART_LINE_STATUS) & STATUS_SEND_EMPTY) {
        return true;
    }
    until_ns = pd_now_ns() + SEND_LOOK_NS;
    do {
        if (port_in(uart, UART_LINE_STATUS) & STATUS_SEND_EMPTY) {
            return true;
        }
    } while (pd_now_ns() < until_ns);
    return is_empty(uart);
}

void uart_send(const struct uart *uart, uint32_t bytes)
{
    if (!uart->present) {
        memset(server_message(), 0, bytes);
    } else if (pd_invoke_4(uart->slot, IOPORT_OUT_STRING, uart->first + UART_DATA, bytes, 0, 0) != PD_OK) {
        server_panic(SERVER_PANIC_MANIFEST);
    }
}
