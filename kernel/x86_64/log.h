/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_X86_64_LOG_H
#define KERNEL_X86_64_LOG_H

/* Longest line with prefix and newline; what does not fit is cut. */
#define LOG_LINE_BYTES 512

/* Reads the `log` option: `quiet` drops log_line(), `serial` copies every line to COM1. Called by
 * kernel_main(). */
void log_initialise(void);

/*
 * Writes "perdure: ", the formatted text and a newline to the debug console (port 0xe9). Understands %s %.*s
 * %c %d %u %x with an optional l, %p, %%, and a field width with optional 0 for numbers. Callable from any
 * kernel context; allocates nothing.
 */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* The same for what must be seen even with log=quiet. */
__attribute__((format(printf, 1, 2))) void log_urgent(const char *format, ...);

/* The kernel cannot go on: logs "perdure: panic: ..." and ends the machine as a kernel failure. */
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

#endif
