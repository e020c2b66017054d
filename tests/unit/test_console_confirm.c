/* SPDX-License-Identifier: MIT */
/* What the console confirms before it sends: the text as the line wants it, and nothing that differs from it. */
/* sources: servers/console/confirm.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "servers/console/confirm.h"
#include "suite.h"

#define TEXT "a\nb\n\nlonger"

static bool is_confirmed(const char *chunk, uint32_t taken, bool terminal)
{
    return confirm_chunk((const uint8_t *)chunk, (uint32_t)strlen(chunk), (const uint8_t *)TEXT, taken, terminal);
}

START_TEST(a_chunk_is_the_text_with_a_carriage_return_for_a_terminal)
{
    ck_assert(is_confirmed(TEXT, sizeof(TEXT) - 1, false));
    ck_assert(is_confirmed("a\r\nb\r\n\r\nlonger", sizeof(TEXT) - 1, true));
    ck_assert(is_confirmed("a\n", 2, false));
    ck_assert(is_confirmed("a\r\n", 2, true));
    ck_assert(!is_confirmed("a\n", 2, true));
    ck_assert(!is_confirmed("a\r\n", 2, false));
    ck_assert(!is_confirmed("\na", 2, true));
    ck_assert(!is_confirmed("", 0, false)); /* it would go on for ever */
}
END_TEST

START_TEST(what_is_cut_doubled_or_changed_is_not_confirmed)
{
    char chunk[] = TEXT;
    uint32_t length = sizeof(TEXT) - 1;

    for (uint32_t taken = 0; taken <= length; taken++) {
        for (uint32_t sent = 0; sent <= length; sent++) {
            ck_assert(confirm_chunk((const uint8_t *)chunk, sent, (const uint8_t *)TEXT, taken, false) ==
                      (sent == taken && sent > 0));
        }
    }
    for (uint32_t bit = 0; bit < 8 * length; bit++) {
        chunk[bit / 8] ^= (char)(1u << bit % 8);
        ck_assert(!is_confirmed(chunk, length, false));
        chunk[bit / 8] ^= (char)(1u << bit % 8);
    }
    ck_assert(!is_confirmed("aa\nb\n\nlonge", length, false));
    ck_assert(!is_confirmed("xa\nb\n\nlonger", length, false)); /* too much, and before it */
}
END_TEST

START_TEST(a_copy_that_differs_in_one_bit_is_none)
{
    uint8_t from[21], to[21];

    for (uint32_t bytes = 0; bytes < sizeof(to); bytes++) {
        memset(from, 'x', sizeof(from));
        memcpy(to, from, bytes);
        to[bytes] = 'y'; /* behind it */
        ck_assert(confirm_copy(to, from, bytes));
        for (uint32_t bit = 0; bit < 8 * bytes; bit++) {
            to[bit / 8] ^= (uint8_t)(1u << bit % 8);
            ck_assert(!confirm_copy(to, from, bytes));
            to[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("console_confirm");
    TCase *tests = tcase_create("console_confirm");

    tcase_add_test(tests, a_chunk_is_the_text_with_a_carriage_return_for_a_terminal);
    tcase_add_test(tests, what_is_cut_doubled_or_changed_is_not_confirmed);
    tcase_add_test(tests, a_copy_that_differs_in_one_bit_is_none);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
