/* SPDX-License-Identifier: MIT */
/* Output of the console. Rule: output.h. */
#include "output.h"

#include "abi/posix_errno.h"
#include "confirm.h"
#include "state.h"

#define GUARD 0xff /* behind a chunk: more than it must not leave */

static uint32_t confirmed; /* bytes of the WRITE under way that have left, counted by who confirms */

static void set_point(struct progress *progress, uint32_t sent, uint32_t leaving, uint32_t chunk_bytes)
{
    struct progress_point point = {
        .sent = sent,
        .leaving = (uint16_t)leaving,
        .chunk_bytes = (uint16_t)chunk_bytes,
    };
    uint64_t word;

    __builtin_memcpy(&word, &point, sizeof(word));
    __asm__ volatile("movq %1, %0" : "=m"(progress->point) : "r"(word) : "memory");
}

/* CRC-32C of the first `bytes` outgoing bytes, begun with `stream`. */
static uint32_t outgoing_checksum(uint32_t stream, uint32_t bytes)
{
    const uint8_t *outgoing = console_outbox()->outgoing;
    uint64_t sum = stream;
    uint64_t word;
    uint32_t index = 0;

    for (; index + 8 <= bytes; index += 8) {
        __builtin_memcpy(&word, outgoing + index, 8);
        sum = __builtin_ia32_crc32di(sum, word);
    }
    for (; index < bytes; index++) {
        sum = __builtin_ia32_crc32di(sum, outgoing[index]);
    }
    return (uint32_t)sum;
}

/* The place of this WRITE in the table; its point says where to go on. */
static struct progress *progress_begin(uint32_t binding, uint32_t stream, uint32_t bytes)
{
    uint32_t place = binding % CONSOLE_WRITERS;
    struct progress *progress = &console_outbox()->progress[place];
    uint32_t checksum = outgoing_checksum(stream, bytes);
    uint32_t writes = console_region()->writes[place];

    if (progress->binding != binding || progress->bytes != bytes || progress->checksum != checksum ||
        progress->writes != writes || progress->point.sent > bytes) {
        set_point(progress, 0, 0, 0); /* first, so that no half of the rest is believed */
        if (progress->point.sent != 0) {
            server_panic(CONSOLE_PANIC_PROGRESS);
        }
        progress->binding = binding;
        progress->bytes = bytes;
        progress->checksum = checksum;
        progress->writes = writes;
    }
    return progress;
}

/*
 * Fill the start of the message page from `from`: a terminal gets CR before each newline. Returns how many
 * bytes of `from` went in; their number in the chunk goes to *chunk_bytes.
 */
static uint32_t fill_chunk(const uint8_t *from, uint32_t bytes, uint32_t *chunk_bytes)
{
    uint8_t *chunk = server_message();
    uint32_t taken = 0;
    uint32_t filled = 0;

    while (taken < bytes && filled < UART_FIFO_BYTES) {
        if (console.terminal && from[taken] == '\n') {
            if (filled + 2 > UART_FIFO_BYTES) {
                break;
            }
            chunk[filled++] = '\r';
        }
        chunk[filled++] = from[taken++];
    }
    chunk[filled] = GUARD;
    *chunk_bytes = filled;
    return taken;
}

/* Is the start of the message page nothing but zeros? */
static bool chunk_is_wiped(uint32_t chunk_bytes)
{
    const uint8_t *chunk = server_message();

    for (uint32_t index = 0; index < chunk_bytes; index++) {
        if (chunk[index] != 0) {
            return false;
        }
    }
    return true;
}

static const struct uart *uart_of(uint32_t stream)
{
    return stream == CONSOLE_STREAM_ERROR && !console.terminal && console.second.present ? &console.second
                                                                                         : &console.first;
}

/* How far the WRITE under way has come, by both counts: the next incarnation has nothing but what is noted. */
static void note(struct progress *progress, uint32_t sent, uint32_t leaving, uint32_t chunk_bytes)
{
    if (sent != confirmed) {
        server_panic(CONSOLE_PANIC_PROGRESS);
    }
    set_point(progress, sent, leaving, chunk_bytes);
}

/* Before the `chunk_bytes` bytes leave that `taken` bytes of the WRITE have become: it is their turn, on this line. */
static void confirm_leaving(const struct progress *progress, const struct uart *uart, uint32_t taken, uint32_t chunk_bytes)
{
    bool is_second = console_outbox()->stream == CONSOLE_STREAM_ERROR && console.second.present && !console.terminal;

    if (progress->point.sent != confirmed || taken > progress->bytes - confirmed || chunk_bytes > UART_FIFO_BYTES ||
        uart != (is_second ? &console.second : &console.first) ||
        !confirm_chunk(server_message(), chunk_bytes, console_outbox()->outgoing + confirmed, taken, console.terminal)) {
        server_panic(CONSOLE_PANIC_PROGRESS);
    }
}

/* After they have left: they have, and no more. */
static void confirm_left(uint32_t taken, uint32_t chunk_bytes)
{
    if (!chunk_is_wiped(chunk_bytes) || ((const uint8_t *)server_message())[chunk_bytes] != GUARD) {
        server_panic(CONSOLE_PANIC_PROGRESS);
    }
    confirmed += taken;
}

/* Sends what of the outgoing bytes has not been sent, as far as the line takes it. */
static void send_rest(struct progress *progress, uint32_t stream)
{
    const struct uart *uart = uart_of(stream);
    uint32_t sent = progress->point.sent;

    confirmed = sent;
    while (sent < progress->bytes && uart_is_sendable(uart)) {
        uint32_t chunk_bytes;
        uint32_t taken = fill_chunk(console_outbox()->outgoing + sent, progress->bytes - sent, &chunk_bytes);

        confirm_leaving(progress, uart, taken, chunk_bytes);
        if (!chunk_is_wiped(chunk_bytes)) {
            note(progress, sent, taken, chunk_bytes);
        }
        uart_send(uart, chunk_bytes);
        confirm_left(taken, chunk_bytes);
        sent += taken;
        note(progress, sent, 0, 0);
    }
}

int64_t output_write(uint32_t binding, uint32_t stream, uint32_t bytes)
{
    struct console_outbox *outbox = console_outbox();
    struct progress *progress;

    outbox->writing = 0;
    memcpy(outbox->outgoing, server_message(), bytes);
    if (!confirm_copy(outbox->outgoing, server_message(), bytes)) {
        server_panic(CONSOLE_PANIC_PROGRESS);
    }
    progress = progress_begin(binding, stream, bytes);
    outbox->stream = stream;
    outbox->writing = 1 + binding % CONSOLE_WRITERS;
    send_rest(progress, stream);
    if (progress->point.sent != confirmed || confirmed > bytes) {
        server_panic(CONSOLE_PANIC_PROGRESS); /* what the client would be told is not what left */
    }
    outbox->writing = 0;
    console_region()->writes[binding % CONSOLE_WRITERS]++;
    if (bytes > 0 && progress->point.sent == 0) {
        return -PE_AGAIN;
    }
    return progress->point.sent;
}

void output_finish(void)
{
    struct console_outbox *outbox = console_outbox();
    uint32_t place = outbox->writing - 1;
    struct progress *progress = &outbox->progress[place % CONSOLE_WRITERS];

    if (place < CONSOLE_WRITERS && progress->bytes <= MESSAGE_BYTES && progress->point.sent <= progress->bytes &&
        progress->checksum == outgoing_checksum(outbox->stream, progress->bytes)) {
        send_rest(progress, outbox->stream);
    }
    outbox->writing = 0;
}

void output_recover(void)
{
    for (uint32_t place = 0; place < CONSOLE_WRITERS; place++) {
        struct progress *progress = &console_outbox()->progress[place];
        struct progress_point point = progress->point;

        if (point.chunk_bytes == 0) {
            continue;
        }
        if (point.chunk_bytes <= UART_FIFO_BYTES && chunk_is_wiped(point.chunk_bytes)) {
            point.sent += point.leaving;
        }
        set_point(progress, point.sent, 0, 0);
    }
}

void output_echo(const char *text, size_t bytes)
{
    while (bytes > 0 && uart_is_sendable(&console.first)) {
        uint32_t chunk_bytes = bytes < UART_FIFO_BYTES ? (uint32_t)bytes : UART_FIFO_BYTES;

        memcpy(server_message(), text, chunk_bytes);
        uart_send(&console.first, chunk_bytes);
        text += chunk_bytes;
        bytes -= chunk_bytes;
    }
}
