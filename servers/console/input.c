/* SPDX-License-Identifier: MIT */
/* Input of the console. Rule: input.h. */
#include "input.h"

#include "line.h"
#include "output.h"
#include "abi/posix_errno.h"
#include "state.h"

/* Deferred requests that one transaction answers; the rest follow in the next event. */
#define ANSWERS_MAXIMUM 4

/* Entry n modulo JOURNAL_ENTRIES is byte number n and the low 24 bits of n + 1. */
static volatile uint32_t *journal_entry(uint64_t number)
{
    return &console_outbox()->journal[number % JOURNAL_ENTRIES];
}

static uint32_t journal_mark(uint64_t number)
{
    return (uint32_t)(number + 1) << 8;
}

static void receive(uint8_t byte)
{
    struct console_region *region = console_region();

    region->received++;
    line_receive(region, console.terminal, byte, output_echo);
}

void input_drain(void)
{
    struct console_region *region = console_region();

    while (line_wants(region, console.terminal)) {
        uint8_t byte;

        if (!uart_has_input(&console.first)) {
            return;
        }
        *uart_taken() = UART_NOTHING_TAKEN;
        console_outbox()->taking = region->received + 1;
        byte = uart_take(&console.first);
        *journal_entry(region->received) = journal_mark(region->received) | byte;
        receive(byte);
    }
    /* Full: the far end has to wait, and so must the interrupt, or it would come at once again. */
    uart_set_receive_interrupts(&console.first, false);
}

static bool is_in_journal(uint64_t number)
{
    return (*journal_entry(number) & ~0xffu) == journal_mark(number);
}

void input_recover_taking(void)
{
    uint64_t number = console_outbox()->taking - 1;
    uint64_t taken = *uart_taken();

    /*
     * A byte that was committed or is in the journal was taken long ago, and the message page holds
     * something else.
     */
    if (console_outbox()->taking != 0 && number >= console_region()->received && !is_in_journal(number) &&
        taken != UART_NOTHING_TAKEN) {
        *journal_entry(number) = journal_mark(number) | (uint8_t)taken;
    }
    console_outbox()->taking = 0;
}

void input_recover(void)
{
    struct console_region *region = console_region();

    for (uint32_t index = 0; index < JOURNAL_ENTRIES && line_wants(region, console.terminal); index++) {
        if (!is_in_journal(region->received)) {
            break;
        }
        receive((uint8_t)*journal_entry(region->received));
    }
}

/* Answer one deferred READ if there is something for it. */
static bool serve_reader(uint32_t binding)
{
    uint32_t operation;
    uint64_t words[3];
    int32_t bytes;

    if (service_deferred(binding, &operation, words) != PD_OK || operation != CONSOLE_READ) {
        return false;
    }
    bytes = line_read(console_region(), console.terminal, server_message(), (uint32_t)words[0]);
    if (bytes == LINE_NOTHING) {
        return false;
    }
    if (service_answer_message(binding, bytes, (uint32_t)bytes) != PD_OK) {
        server_panic(SERVER_PANIC_DELIVERY); /* the bytes go back into the region */
    }
    return true;
}

/* Have input_serve_readers() called again, in an event of its own. */
static void serve_later(void)
{
    pd_invoke_4(SLOT_NOTIFICATION, NOTIFICATION_SIGNAL, EVENT_SERVE, 0, 0, 0);
}

static bool interrupt_reader(uint32_t binding)
{
    uint32_t operation;
    uint64_t words[3];

    return service_deferred(binding, &operation, words) == PD_OK && operation == CONSOLE_READ &&
           service_answer(binding, -PE_INTR, 0, 0) == PD_OK;
}

void input_tell_interrupt(void)
{
    struct service_binding binding;
    uint32_t answers = 0;

    /* A system without a process service has nobody to tell. */
    pd_invoke_4(SLOT_INTERRUPTS, NOTIFICATION_SIGNAL, NOTIFIED_INTERRUPT, 0, 0, 0);
    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK && answers < ANSWERS_MAXIMUM; index++) {
        answers += binding.flags & BINDING_DEFERRED && interrupt_reader(binding.binding);
    }
    if (answers < ANSWERS_MAXIMUM) {
        console_region()->interrupted = 0;
    }
    serve_later();
}

void input_serve_readers(void)
{
    struct service_binding binding;
    uint32_t answers = 0;

    if (console_region()->ready_bytes == 0 && !console_region()->end_of_file) {
        return;
    }
    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK; index++) {
        if (!(binding.flags & BINDING_DEFERRED)) {
            continue;
        }
        if (answers == ANSWERS_MAXIMUM) {
            serve_later();
            break;
        }
        answers += serve_reader(binding.binding);
    }
    if (answers > 0) {
        input_resume();
    }
}

void input_resume(void)
{
    if (line_wants(console_region(), console.terminal)) {
        uart_set_receive_interrupts(&console.first, true);
    }
}
