/* SPDX-License-Identifier: MIT */
/*
 * The kernel's log.
 *
 * Rule: a line is formatted whole into a buffer on the stack and leaves in one piece; logging allocates
 * nothing, waits for nothing unbounded and cannot fail, so that it works from any state, panics included.
 */
#include "kernel/x86_64/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/boot_information.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/exit.h"

#define DEBUG_CONSOLE 0xe9

/* NS16550 at COM1: datasheet section 8. */
#define SERIAL_DATA           0x3f8
#define SERIAL_LINE_STATUS    0x3fd
#define SERIAL_TRANSMIT_EMPTY 0x20
#define SERIAL_ATTEMPTS       100000

struct line {
    size_t length;
    char text[LOG_LINE_BYTES];
};

struct conversion {
    bool is_long;
    bool zero_filled;
    uint32_t width;
};

static bool quiet;
static bool to_serial;

/* The last byte is kept for the newline, of which there is one: names and messages of programs are in the log, too. */
static void put_character(struct line *line, char character)
{
    if (line->length < LOG_LINE_BYTES - 1)
        line->text[line->length++] = character < ' ' || character > '~' ? '?' : character;
}

static void put_string(struct line *line, const char *string, size_t limit_bytes)
{
    if (string == NULL)
        string = "(null)";
    for (size_t i = 0; i < limit_bytes && string[i] != '\0'; i++)
        put_character(line, string[i]);
}

static void put_number(struct line *line, uint64_t value, uint32_t base, bool negative, struct conversion how)
{
    char digits[24];
    uint32_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    uint32_t used = count + negative;
    if (negative && how.zero_filled)
        put_character(line, '-');
    for (; used < how.width; used++)
        put_character(line, how.zero_filled ? '0' : ' ');
    if (negative && !how.zero_filled)
        put_character(line, '-');
    while (count > 0)
        put_character(line, digits[--count]);
}

/* Formats the conversion at `format` (after the percent sign); returns what follows it. */
static const char *put_conversion(struct line *line, const char *format, va_list *arguments)
{
    struct conversion how = {false, false, 0};
    size_t limit_bytes = SIZE_MAX;
    if (format[0] == '.' && format[1] == '*') {
        limit_bytes = (size_t)va_arg(*arguments, int);
        format += 2;
    }
    if (*format == '0')
        how.zero_filled = true;
    while (*format >= '0' && *format <= '9')
        how.width = how.width * 10 + (uint32_t)(*format++ - '0');
    while (*format == 'l') {
        how.is_long = true;
        format++;
    }
    switch (*format) {
    case 's':
        put_string(line, va_arg(*arguments, const char *), limit_bytes);
        break;
    case 'c':
        put_character(line, (char)va_arg(*arguments, int));
        break;
    case 'd': {
        int64_t value = how.is_long ? va_arg(*arguments, int64_t) : va_arg(*arguments, int);
        put_number(line, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, value < 0, how);
        break;
    }
    case 'u':
    case 'x': {
        uint64_t value = how.is_long ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned);
        put_number(line, value, *format == 'x' ? 16 : 10, false, how);
        break;
    }
    case 'p':
        put_string(line, "0x", SIZE_MAX);
        put_number(line, (uint64_t)va_arg(*arguments, void *), 16, false, how);
        break;
    case '\0':
        return format;
    default:
        put_character(line, *format);
    }
    return format + 1;
}

static void put_format(struct line *line, const char *format, va_list *arguments)
{
    while (*format != '\0') {
        char character = *format++;
        if (character == '%')
            format = put_conversion(line, format, arguments);
        else
            put_character(line, character);
    }
}

static void serial_write(const struct line *line)
{
    for (size_t i = 0; i < line->length; i++) {
        for (uint32_t attempt = 0; attempt < SERIAL_ATTEMPTS; attempt++) {
            if (port_in8(SERIAL_LINE_STATUS) & SERIAL_TRANSMIT_EMPTY)
                break;
        }
        port_out8(SERIAL_DATA, (uint8_t)line->text[i]);
    }
}

static void write_line(const char *label, const char *format, va_list *arguments)
{
    struct line line;
    line.length = 0;
    put_string(&line, "perdure: ", SIZE_MAX);
    put_string(&line, label, SIZE_MAX);
    put_format(&line, format, arguments);
    line.text[line.length++] = '\n';
    port_out_string(DEBUG_CONSOLE, line.text, line.length);
    if (to_serial)
        serial_write(&line);
}

void log_initialise(void)
{
    quiet = boot_option_is("log", "quiet");
    to_serial = boot_option_is("log", "serial");
}

void log_line(const char *format, ...)
{
    if (quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line("", format, &arguments);
    va_end(arguments);
}

void log_urgent(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("", format, &arguments);
    va_end(arguments);
}

void panic(const char *format, ...)
{
    static bool panicking;
    cpu_disable_interrupts();
    if (!panicking) {
        panicking = true;
        va_list arguments;
        va_start(arguments, format);
        write_line("panic: ", format, &arguments);
        va_end(arguments);
    }
    machine_exit(MACHINE_KERNEL_FAILURE, 0);
}
