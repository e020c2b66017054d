/* SPDX-License-Identifier: MIT */
/*
 * Words of the command line.
 *
 * Rule: words are separated by spaces and have the form name=value; of several with one name the last one
 * holds, and no word has an effect on any other.
 */
#include "kernel/boot_information.h"

/* If `word` begins with `name=`, returns what follows, else NULL. */
static const char *option_value(const char *word, const char *name)
{
    while (*name != '\0') {
        if (*word++ != *name++)
            return NULL;
    }
    return *word == '=' ? word + 1 : NULL;
}

const char *boot_option(const char *name, size_t *length_bytes)
{
    const char *found = NULL;
    const char *cursor = boot_information.command_line;
    while (*cursor != '\0') {
        if (*cursor == ' ') {
            cursor++;
            continue;
        }
        const char *value = option_value(cursor, name);
        while (*cursor != '\0' && *cursor != ' ')
            cursor++;
        if (value != NULL) {
            found = value;
            *length_bytes = (size_t)(cursor - value);
        }
    }
    return found;
}

int boot_option_is(const char *name, const char *value)
{
    size_t length;
    const char *found = boot_option(name, &length);
    if (found == NULL)
        return 0;
    size_t i = 0;
    while (i < length && value[i] != '\0' && value[i] == found[i])
        i++;
    return i == length && value[i] == '\0';
}

int boot_option_number(const char *name, uint64_t *value)
{
    size_t length;
    const char *digits = boot_option(name, &length);
    if (digits == NULL || length == 0)
        return 0;
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return 0;
        if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(digits[i] - '0'), &number))
            return 0;
    }
    *value = number;
    return 1;
}
