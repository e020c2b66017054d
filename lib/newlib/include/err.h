/* SPDX-License-Identifier: MIT */
/* Messages in the style of the BSDs: program name, text, reason. */
#ifndef _ERR_H
#define _ERR_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

void warn(const char *__format, ...) __attribute__((format(printf, 1, 2)));
void warnx(const char *__format, ...) __attribute__((format(printf, 1, 2)));
void vwarn(const char *__format, va_list __arguments);
void vwarnx(const char *__format, va_list __arguments);
void err(int __status, const char *__format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void errx(int __status, const char *__format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void verr(int __status, const char *__format, va_list __arguments) __attribute__((noreturn));
void verrx(int __status, const char *__format, va_list __arguments) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
