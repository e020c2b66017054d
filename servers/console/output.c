/* SPDX-License-Identifier: MIT */
/* Output of the console. Rule: output.h. */
#include "output.h"

#include "abi/posix_errno.h"
#include "state.h"

/* How far a WRITE has come. */
struct progress {
    uint32_t binding;
    uint32_t bytes;
    uint32_t checksum; /* of stream and bytes */
    uint32_t writes;   /* region.writes of this place when it began */
    uint32_t sent;
};

static struct progress *progress_table(void)
{
    return (void *)((uint8_t *)server_outbox() + PAGE_BYTES);
}

/* CRC-32C of the message's whole words and rest, begun with `stream`. */
static uint32_t message_checksum(uint32_t stream, uint32_t bytes)
{
    const uint8_t *from = server_message();
    uint64_t sum = stream;
    uint64_t word;
    uint32_t index = 0;

    for (; index + 8 <= bytes; index += 8) {
        __builtin_memcpy(&word, from + index, 8);
        sum = __builtin_ia32_crc32di(sum, word);
    }
    for (; index < bytes; index++) {
        sum = __builtin_ia32_crc32di(sum, from[index]);
    }
    return (uint32_t)sum;
}

/* The place of this WRITE in the table; `sent` says where to go on. */
static struct progress *progress_begin(uint32_t binding, uint32_t stream, uint32_t bytes)
{
    uint32_t place = binding % CONSOLE_WRITERS;
    struct progress *progress = &progress_table()[place];
    struct progress fresh = {
        .binding = binding,
        .bytes = bytes,
        .checksum = message_checksum(stream, bytes),
        .writes = console_region()->writes[place],
    };

    if (progress->binding != fresh.binding || progress->bytes != fresh.bytes ||
        progress->checksum != fresh.checksum || progress->writes != fresh.writes || progress->sent > bytes) {
        *progress = fresh;
    }
    return progress;
}

/*
 * Fill `chunk` from `from`: a terminal gets CR before each newline. Returns how many bytes of `from` went in; their
 * number in the chunk goes to *chunk_bytes.
 */
static uint32_t fill_chunk(uint8_t chunk[UART_FIFO_BYTES], const uint8_t *from, uint32_t bytes,
                           uint32_t *chunk_bytes)
{
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
    *chunk_bytes = filled;
    return taken;
}

int64_t output_write(uint32_t binding, uint32_t stream, uint32_t bytes)
{
    const struct uart *uart = stream == CONSOLE_STREAM_ERROR && !console.terminal && console.second.present
                                  ? &console.second
                                  : &console.first;
    struct progress *progress = progress_begin(binding, stream, bytes);
    const uint8_t *from = server_message();

    while (progress->sent < bytes) {
        uint8_t chunk[UART_FIFO_BYTES];
        uint32_t chunk_bytes;
        uint32_t taken = fill_chunk(chunk, from + progress->sent, bytes - progress->sent, &chunk_bytes);

        if (!uart_send(uart, chunk, chunk_bytes)) {
            break;
        }
        progress->sent += taken;
    }
    console_region()->writes[binding % CONSOLE_WRITERS]++;
    if (bytes > 0 && progress->sent == 0) {
        return -PE_AGAIN;
    }
    return progress->sent;
}

void output_echo(const char *text, size_t bytes)
{
    while (bytes > 0) {
        uint32_t chunk_bytes = bytes < UART_FIFO_BYTES ? (uint32_t)bytes : UART_FIFO_BYTES;

        if (!uart_send(&console.first, (const uint8_t *)text, chunk_bytes)) {
            return;
        }
        text += chunk_bytes;
        bytes -= chunk_bytes;
    }
}
