/* SPDX-License-Identifier: MIT */
/* The line discipline. Rule: line.h. */
#include "line.h"

#define BYTE_END_OF_FILE 0x04 /* Ctrl-D; as a byte of a cooked line it is the mark of an end of file */
#define BYTE_INTERRUPT   0x03 /* Ctrl-C */
#define BYTE_BACKSPACE   0x08
#define BYTE_TAB         0x09
#define BYTE_ESCAPE_DATA 0x10 /* DLE */
#define BYTE_KILL_LINE   0x15 /* Ctrl-U */
#define BYTE_KILL_WORD   0x17 /* Ctrl-W */
#define BYTE_DELETE      0x7f

static uint32_t used(const struct console_region *region)
{
    return region->ready_bytes + region->pending_bytes;
}

/* The ring's byte `offset` bytes after the first kept one. */
static uint8_t *place(struct console_region *region, uint32_t offset)
{
    return &region->input[(region->head + offset) % CONSOLE_INPUT_BYTES];
}

static bool is_cooked(const struct console_region *region, bool terminal)
{
    return terminal && region->mode == CONSOLE_MODE_COOKED;
}

bool line_wants(const struct console_region *region, bool terminal)
{
    return used(region) < CONSOLE_INPUT_BYTES || (is_cooked(region, terminal) && region->pending_bytes > 0);
}

static void append_ready(struct console_region *region, uint8_t byte)
{
    *place(region, used(region)) = byte;
    region->ready_bytes++;
}

static void finish_line(struct console_region *region)
{
    region->ready_bytes += region->pending_bytes;
    region->pending_bytes = 0;
}

static void receive_framed(struct console_region *region, uint8_t byte)
{
    if (region->escape == 0 && byte == BYTE_ESCAPE_DATA) {
        region->escape = 1;
        return;
    }
    if (region->escape == 1 && byte == 'E') {
        region->end_of_file = 1;
    } else {
        append_ready(region, byte);
    }
    region->escape = 0;
}

/* Take the last character of the pending line off the ring and the screen. */
static void erase_character(struct console_region *region, line_echo *echo)
{
    uint8_t byte;

    do {
        region->pending_bytes--;
        byte = *place(region, used(region));
    } while ((byte & 0xc0) == 0x80 && region->pending_bytes > 0); /* the rest of a UTF-8 character */
    echo("\b \b", 3);
    if (byte < ' ' && byte != BYTE_TAB) {
        echo("\b \b", 3);
    }
}

/* Is the last character of the pending line a blank? */
static bool ends_in_blank(struct console_region *region)
{
    uint8_t last = *place(region, used(region) - 1);

    return last == ' ' || last == BYTE_TAB;
}

/* The last word and the blanks behind it. */
static void erase_word(struct console_region *region, line_echo *echo)
{
    while (region->pending_bytes > 0 && ends_in_blank(region)) {
        erase_character(region, echo);
    }
    while (region->pending_bytes > 0 && !ends_in_blank(region)) {
        erase_character(region, echo);
    }
}

static void erase_line(struct console_region *region, line_echo *echo)
{
    while (region->pending_bytes > 0) {
        erase_character(region, echo);
    }
}

static void echo_byte(uint8_t byte, line_echo *echo)
{
    char shown[2] = {'^', (char)(byte ^ 0x40)};

    if (byte == BYTE_TAB) {
        echo(" ", 1);
    } else if (byte < ' ') {
        echo(shown, 2);
    } else {
        echo((const char *)&byte, 1);
    }
}

/* An ordinary byte of a line. The last place of the ring is kept for the newline. */
static void edit_insert(struct console_region *region, uint8_t byte, line_echo *echo)
{
    if (used(region) + 1 >= CONSOLE_INPUT_BYTES) {
        region->dropped++;
        echo("\a", 1);
        return;
    }
    *place(region, used(region)) = byte;
    region->pending_bytes++;
    echo_byte(byte, echo);
}

static void edit_end_of_file(struct console_region *region)
{
    if (region->pending_bytes == 0) {
        append_ready(region, BYTE_END_OF_FILE);
    } else {
        finish_line(region);
    }
}

static void receive_cooked(struct console_region *region, uint8_t byte, line_echo *echo)
{
    switch (byte) {
    case '\r':
    case '\n':
        *place(region, used(region)) = '\n';
        region->pending_bytes++;
        finish_line(region);
        echo("\r\n", 2);
        break;
    case BYTE_BACKSPACE:
    case BYTE_DELETE:
        if (region->pending_bytes > 0) {
            erase_character(region, echo);
        }
        break;
    case BYTE_KILL_LINE:
        erase_line(region, echo);
        break;
    case BYTE_KILL_WORD:
        erase_word(region, echo);
        break;
    case BYTE_INTERRUPT:
        region->pending_bytes = 0;
        region->interrupted = 1;
        echo("^C\r\n", 4);
        break;
    case BYTE_END_OF_FILE:
        edit_end_of_file(region);
        break;
    default:
        edit_insert(region, byte, echo);
        break;
    }
}

void line_receive(struct console_region *region, bool terminal, uint8_t byte, line_echo *echo)
{
    if (!terminal) {
        receive_framed(region, byte);
    } else if (region->mode == CONSOLE_MODE_COOKED) {
        receive_cooked(region, byte, echo);
    } else {
        append_ready(region, byte);
    }
}

static void consume(struct console_region *region, uint32_t bytes)
{
    region->head = (region->head + bytes) % CONSOLE_INPUT_BYTES;
    region->ready_bytes -= bytes;
}

/* The first `count` bytes, in two pieces where the ring ends between them. */
static void copy_out(const struct console_region *region, uint8_t *to, uint32_t count)
{
    uint32_t straight = CONSOLE_INPUT_BYTES - region->head;

    if (straight > count) {
        straight = count;
    }
    __builtin_memcpy(to, region->input + region->head, straight);
    __builtin_memcpy(to + straight, region->input, count - straight);
}

/* Bytes of the first ready line, its newline included; an end-of-file mark ends it and is not counted. */
static uint32_t line_length(const struct console_region *region)
{
    for (uint32_t offset = 0; offset < region->ready_bytes; offset++) {
        uint8_t byte = region->input[(region->head + offset) % CONSOLE_INPUT_BYTES];

        if (byte == '\n') {
            return offset + 1;
        }
        if (byte == BYTE_END_OF_FILE) {
            return offset;
        }
    }
    return region->ready_bytes;
}

uint32_t line_available(const struct console_region *region, bool terminal)
{
    return is_cooked(region, terminal) ? line_length(region) : region->ready_bytes;
}

int32_t line_read(struct console_region *region, bool terminal, uint8_t *to, uint32_t count)
{
    uint32_t available = line_available(region, terminal);

    if (region->ready_bytes == 0) {
        return region->end_of_file ? 0 : LINE_NOTHING;
    }
    if (available == 0) { /* an end-of-file mark comes first */
        consume(region, 1);
        return 0;
    }
    if (count > available) {
        count = available;
    }
    copy_out(region, to, count);
    consume(region, count);
    return (int32_t)count;
}

void line_set_mode(struct console_region *region, uint32_t mode)
{
    if (mode != CONSOLE_MODE_COOKED) {
        finish_line(region);
    }
    region->mode = mode;
}
