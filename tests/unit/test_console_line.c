/* SPDX-License-Identifier: MIT */
/* The console's line discipline: what is typed, what is shown, what a reader gets. */
/* sources: servers/console/line.c */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/console/line.h"
#include "suite.h"

static struct console_region region;
static char shown[65536];
static size_t shown_bytes;

static void show(const char *text, size_t bytes)
{
    if (shown_bytes + bytes > sizeof(shown)) {
        ck_abort_msg("too much is shown");
    }
    memcpy(shown + shown_bytes, text, bytes);
    shown_bytes += bytes;
}

static void begin(uint32_t mode)
{
    memset(&region, 0, sizeof(region));
    region.mode = mode;
    shown_bytes = 0;
}

static void type_bytes(bool terminal, const char *bytes, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        if (!line_wants(&region, terminal)) {
            ck_abort_msg("no room for byte %zu", index);
        }
        line_receive(&region, terminal, (uint8_t)bytes[index], show);
        if (region.ready_bytes + region.pending_bytes > CONSOLE_INPUT_BYTES ||
            region.head >= CONSOLE_INPUT_BYTES) {
            ck_abort_msg("the ring's bounds are broken");
        }
    }
}

static void type(const char *text)
{
    type_bytes(true, text, strlen(text));
}

/* One read of up to `count` bytes gives `expected`; NULL: nothing is there, "": end of file. */
static void expect_read(bool terminal, uint32_t count, const char *expected)
{
    uint8_t bytes[CONSOLE_INPUT_BYTES + 1] = {0};
    uint32_t available = line_available(&region, terminal);
    int32_t got = line_read(&region, terminal, bytes, count);

    if (!expected) {
        ck_assert_int_eq(got, LINE_NOTHING);
        return;
    }
    ck_assert_int_eq(got, (int32_t)strlen(expected));
    ck_assert_mem_eq(bytes, expected, (size_t)got);
    ck_assert_uint_eq(available < count ? available : count, (uint32_t)got);
}

static void expect_shown(const char *expected)
{
    ck_assert_uint_eq(shown_bytes, strlen(expected));
    ck_assert_mem_eq(shown, expected, shown_bytes);
}

START_TEST(line_is_ready_with_its_newline)
{
    begin(CONSOLE_MODE_COOKED);
    type("ls -l");
    expect_read(true, 100, NULL);
    ck_assert_uint_eq(line_available(&region, true), 0);
    type("\r");
    expect_shown("ls -l\r\n");
    expect_read(true, 100, "ls -l\n");
    expect_read(true, 100, NULL);
}
END_TEST

START_TEST(read_gives_one_line_at_most)
{
    begin(CONSOLE_MODE_COOKED);
    type("one\ntwo\nthr");
    expect_read(true, 2, "on");
    expect_read(true, 100, "e\n");
    expect_read(true, 100, "two\n");
    expect_read(true, 100, NULL);
}
END_TEST

START_TEST(backspace_erases_one_character)
{
    begin(CONSOLE_MODE_COOKED);
    type("\x7f\bab\x7f\bc\n");
    expect_shown("ab\b \b\b \bc\r\n");
    expect_read(true, 100, "c\n");
    begin(CONSOLE_MODE_COOKED);
    type("a\xc3\xa4\x7f\n"); /* a two-byte character is one */
    expect_shown("a\xc3\xa4\b \b\r\n");
    expect_read(true, 100, "a\n");
    begin(CONSOLE_MODE_COOKED);
    type("\x01\x7f\t\x7f\n"); /* ^A takes two columns, a tab one */
    expect_shown("^A\b \b\b \b \b \b\r\n");
    expect_read(true, 100, "\n");
}
END_TEST

START_TEST(control_u_erases_the_line)
{
    begin(CONSOLE_MODE_COOKED);
    type("first\nabc\x15x\n");
    expect_read(true, 100, "first\n");
    expect_read(true, 100, "x\n");
}
END_TEST

START_TEST(control_w_erases_a_word)
{
    begin(CONSOLE_MODE_COOKED);
    type("one two  \x17x\n");
    expect_shown("one two  \b \b\b \b\b \b\b \b\b \bx\r\n");
    expect_read(true, 100, "one x\n");
    type("\x17 word\x17\x17\n");
    expect_read(true, 100, "\n");
}
END_TEST

START_TEST(control_c_is_noted_for_who_must_be_told)
{
    begin(CONSOLE_MODE_COOKED);
    type("half");
    ck_assert_uint_eq(region.interrupted, 0);
    type("\x03");
    ck_assert_uint_eq(region.interrupted, 1);
    begin(CONSOLE_MODE_RAW);
    type("\x03");
    ck_assert_uint_eq(region.interrupted, 0);
    expect_read(true, 100, "\x03");
}
END_TEST

START_TEST(control_c_drops_the_line)
{
    begin(CONSOLE_MODE_COOKED);
    type("abc\x03x\n");
    expect_shown("abc^C\r\nx\r\n");
    expect_read(true, 100, "x\n");
}
END_TEST

START_TEST(control_d_ends_the_file_at_the_start_of_a_line)
{
    begin(CONSOLE_MODE_COOKED);
    type("a\n\x04"
         "b\n");
    expect_read(true, 100, "a\n");
    expect_read(true, 100, "");
    expect_read(true, 100, "b\n");
    type("half\x04");
    expect_read(true, 100, "half");
    expect_read(true, 100, NULL);
    type("\x04");
    expect_read(true, 100, "");
    expect_read(true, 100, NULL);
}
END_TEST

START_TEST(raw_mode_gives_every_byte)
{
    begin(CONSOLE_MODE_RAW);
    type("a\x7f\x04\x15\r\n\x10");
    ck_assert_uint_eq(shown_bytes, 0);
    expect_read(true, 3, "a\x7f\x04");
    expect_read(true, 100, "\x15\r\n\x10");
    expect_read(true, 100, NULL);
}
END_TEST

START_TEST(unfinished_line_is_ready_when_lines_no_longer_count)
{
    begin(CONSOLE_MODE_COOKED);
    type("abc");
    line_set_mode(&region, CONSOLE_MODE_RAW);
    expect_read(true, 100, "abc");
    line_set_mode(&region, CONSOLE_MODE_COOKED);
    type("x\n");
    expect_read(true, 100, "x\n");
}
END_TEST

START_TEST(framed_input_is_data_but_for_the_escape)
{
    begin(CONSOLE_MODE_COOKED);
    type_bytes(false, "a\x7f\x04\n\x10\x10z", 7);
    ck_assert_uint_eq(shown_bytes, 0);
    expect_read(false, 100, "a\x7f\x04\n\x10z");
    expect_read(false, 100, NULL);
    type_bytes(false,
               "last\x10"
               "E",
               6);
    expect_read(false, 2, "la");
    expect_read(false, 100, "st");
    expect_read(false, 100, "");
    expect_read(false, 100, ""); /* for good */
}
END_TEST

START_TEST(full_ring_waits_and_loses_nothing_when_framed)
{
    char byte = 'x';

    begin(CONSOLE_MODE_COOKED);
    for (uint32_t index = 0; index < CONSOLE_INPUT_BYTES; index++) {
        type_bytes(false, &byte, 1);
    }
    ck_assert(!line_wants(&region, false));
    expect_read(false, 1, "x");
    ck_assert(line_wants(&region, false));
    ck_assert_uint_eq(region.dropped, 0);
}
END_TEST

START_TEST(line_that_is_too_long_keeps_its_newline)
{
    uint8_t bytes[CONSOLE_INPUT_BYTES];

    begin(CONSOLE_MODE_COOKED);
    for (uint32_t index = 0; index < CONSOLE_INPUT_BYTES + 10; index++) {
        type("y");
    }
    ck_assert_uint_eq(region.dropped, 11);
    ck_assert_int_eq(shown[shown_bytes - 1], '\a');
    type("\n");
    ck_assert(!line_wants(&region, true));
    ck_assert_int_eq(line_read(&region, true, bytes, sizeof(bytes)), CONSOLE_INPUT_BYTES);
    ck_assert_int_eq(bytes[CONSOLE_INPUT_BYTES - 1], '\n');
    ck_assert(line_wants(&region, true));
}
END_TEST

/* Whatever comes, the region keeps its bounds, and framed or raw bytes come out as they went in. */
START_TEST(random_input_keeps_the_bounds)
{
    srandom(1);
    for (uint32_t round = 0; round < 200; round++) {
        bool terminal = random() % 2;
        bool checked = true;
        uint8_t in[8192];
        uint8_t out[8192 + CONSOLE_INPUT_BYTES];
        size_t in_bytes = 0;
        size_t out_bytes = 0;

        begin((uint32_t)(random() % 2));
        checked = terminal && region.mode == CONSOLE_MODE_RAW;
        for (uint32_t step = 0; step < 4000; step++) {
            if (random() % 64 && line_wants(&region, terminal) && in_bytes < sizeof(in)) {
                in[in_bytes] = (uint8_t)(random() % 8 ? 'a' + random() % 26 : random() % 256);
                type_bytes(terminal, (const char *)&in[in_bytes], 1);
                in_bytes++;
            } else {
                int32_t got = line_read(&region, terminal, out + out_bytes, (uint32_t)(1 + random() % 200));

                if (checked && got > 0) {
                    out_bytes += (size_t)got;
                }
            }
            shown_bytes = 0;
        }
        if (checked) {
            ck_assert_uint_eq(in_bytes, out_bytes + region.ready_bytes);
            ck_assert_mem_eq(in, out, out_bytes);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("console line");
    TCase *test_case = tcase_create("line");

    tcase_add_test(test_case, line_is_ready_with_its_newline);
    tcase_add_test(test_case, read_gives_one_line_at_most);
    tcase_add_test(test_case, backspace_erases_one_character);
    tcase_add_test(test_case, control_u_erases_the_line);
    tcase_add_test(test_case, control_w_erases_a_word);
    tcase_add_test(test_case, control_c_is_noted_for_who_must_be_told);
    tcase_add_test(test_case, control_c_drops_the_line);
    tcase_add_test(test_case, control_d_ends_the_file_at_the_start_of_a_line);
    tcase_add_test(test_case, raw_mode_gives_every_byte);
    tcase_add_test(test_case, unfinished_line_is_ready_when_lines_no_longer_count);
    tcase_add_test(test_case, framed_input_is_data_but_for_the_escape);
    tcase_add_test(test_case, full_ring_waits_and_loses_nothing_when_framed);
    tcase_add_test(test_case, line_that_is_too_long_keeps_its_newline);
    tcase_add_test(test_case, random_input_keeps_the_bounds);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
