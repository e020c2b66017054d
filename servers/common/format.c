/* SPDX-License-Identifier: MIT */
/*
 * A formatter, and one line to the kernel log.
 *
 * Rule: never writes past the room given, never faults on a format it does not know (it prints it as it
 * stands).
 */
#include "server.h"

#include <stdarg.h>
#include <stdbool.h>

struct output {
    char *to;
    size_t room_bytes;
    size_t length;
};

static void put(struct output *output, char character)
{
    if (output->length + 1 < output->room_bytes) {
        output->to[output->length++] = character;
    }
}

static void put_text(struct output *output, const char *text)
{
    for (text = text ? text : "(null)"; *text; text++) {
        put(output, *text);
    }
}

static void put_number(struct output *output, uint64_t value, unsigned int base, unsigned int width,
                       char fill)
{
    char digits[20];
    unsigned int count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    for (unsigned int pad = count; pad < width; pad++) {
        put(output, fill);
    }
    while (count > 0) {
        put(output, digits[--count]);
    }
}

/* One conversion, after its width; `letter` and whether it was preceded by 'l'. */
static void put_conversion(struct output *output, char letter, bool is_long, unsigned int width, char fill,
                           va_list *arguments)
{
    int64_t number;

    switch (letter) {
    case 's':
        put_text(output, va_arg(*arguments, const char *));
        break;
    case 'c':
        put(output, (char)va_arg(*arguments, int));
        break;
    case 'd':
        number = is_long ? va_arg(*arguments, int64_t) : va_arg(*arguments, int);
        if (number < 0) {
            put(output, '-');
        }
        put_number(output, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10, width, fill);
        break;
    case 'u':
    case 'x':
        put_number(output, is_long ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned int),
                   letter == 'x' ? 16 : 10, width, fill);
        break;
    default:
        put(output, letter);
        break;
    }
}

static size_t format_list(char *to, size_t room_bytes, const char *format, va_list *arguments)
{
    struct output output = {.to = to, .room_bytes = room_bytes, .length = 0};

    while (*format) {
        unsigned int width = 0;
        char fill = ' ';
        bool is_long = false;

        if (*format != '%') {
            put(&output, *format++);
            continue;
        }
        format++;
        if (*format == '0') {
            fill = *format++;
        }
        while (*format >= '0' && *format <= '9' && width < 100) {
            width = width * 10 + (unsigned int)(*format++ - '0');
        }
        if (*format == 'l') {
            is_long = true;
            format++;
        }
        if (*format == '\0') {
            break;
        }
        put_conversion(&output, *format++, is_long, width, fill, arguments);
    }
    if (room_bytes > 0) {
        to[output.length] = '\0';
    }
    return output.length;
}

size_t server_format(char *to, size_t room_bytes, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = format_list(to, room_bytes, format, &arguments);
    va_end(arguments);
    return length;
}

void server_log(const char *format, ...)
{
    va_list arguments;
    uint8_t kept[SERVER_LOG_BYTES];
    char line[SERVER_LOG_BYTES + 1];
    size_t length;

    va_start(arguments, format);
    length = format_list(line, sizeof(line), format, &arguments);
    va_end(arguments);
    memcpy(kept, server_message(), length);
    memcpy(server_message(), line, length);
    pd_invoke_4(SLOT_SELF_THREAD, THREAD_LOG, length, 0, 0, 0);
    memcpy(server_message(), kept, length);
}
