/* SPDX-License-Identifier: MIT */
/* Lines into words: those of a session (init) and those of the shell. */
/* sources: user/init/words.c user/shell/words.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "user/init/init.h"
#include "user/shell/shell.h"
#include "suite.h"

#define LIMIT 8

static char room[256];
static const char *words[LIMIT + 1];

static int split(const char *line)
{
    return words_split(line, line + strlen(line), room, sizeof room, words, LIMIT);
}

START_TEST(session_words_are_apart_by_blanks)
{
    ck_assert_int_eq(split("  hello hello   b"), 3);
    ck_assert_str_eq(words[0], "hello");
    ck_assert_str_eq(words[2], "b");
    ck_assert_ptr_null(words[3]);
    ck_assert_int_eq(split(""), 0);
    ck_assert_int_eq(split("   "), 0);
    ck_assert_int_eq(split("one\ntwo"), 1);
}
END_TEST

START_TEST(session_words_are_quoted)
{
    ck_assert_int_eq(split("a\\ b \"\" \"x y\" \\\"z \\n\\t\\r \\x41\\\\"), 6);
    ck_assert_str_eq(words[0], "a b");
    ck_assert_str_eq(words[1], "");
    ck_assert_str_eq(words[2], "x y");
    ck_assert_str_eq(words[3], "\"z");
    ck_assert_str_eq(words[4], "\n\t\r");
    ck_assert_str_eq(words[5], "A\\");
}
END_TEST

START_TEST(session_lines_that_are_not_well_formed_are_refused)
{
    ck_assert_int_eq(split("a \\"), -1);
    ck_assert_int_eq(split("a \\x4"), -1);
    ck_assert_int_eq(split("a \\xzz"), -1);
    ck_assert_int_eq(split("a \"b"), -1);
    ck_assert_int_eq(split("1 2 3 4 5 6 7 8"), 8);
    ck_assert_int_eq(split("1 2 3 4 5 6 7 8 9"), -1);
}
END_TEST

START_TEST(session_words_stay_in_their_room)
{
    static const char line[] = "abc def";

    for (uint32_t room_bytes = 0; room_bytes < 12; room_bytes++) {
        char *exact = malloc(room_bytes ? room_bytes : 1);

        ck_assert_int_eq(words_split(line, line + sizeof line - 1, exact, room_bytes, words, LIMIT),
                         room_bytes >= 8 ? 2 : -1);
        free(exact);
    }
}
END_TEST

static struct command_line parsed;

START_TEST(shell_takes_a_line_apart)
{
    ck_assert_ptr_null(words_parse("cat 'a b' \"c $? d\" e\\ f $? < in >> out &", 3, &parsed));
    ck_assert_int_eq(parsed.count, 5);
    ck_assert_str_eq(parsed.words[1], "a b");
    ck_assert_str_eq(parsed.words[2], "c $? d");
    ck_assert_str_eq(parsed.words[3], "e f");
    ck_assert_str_eq(parsed.words[4], "3");
    ck_assert_str_eq(parsed.input, "in");
    ck_assert_str_eq(parsed.output, "out");
    ck_assert_int_eq(parsed.append, 1);
    ck_assert_int_eq(parsed.background, 1);
}
END_TEST

START_TEST(shell_redirections_need_no_blanks)
{
    ck_assert_ptr_null(words_parse("echo hello>file # the rest is a comment > x", 0, &parsed));
    ck_assert_int_eq(parsed.count, 2);
    ck_assert_str_eq(parsed.output, "file");
    ck_assert_int_eq(parsed.append, 0);
    ck_assert_ptr_null(parsed.input);
}
END_TEST

START_TEST(shell_says_what_is_wrong)
{
    ck_assert_ptr_nonnull(words_parse("echo 'open", 0, &parsed));
    ck_assert_ptr_nonnull(words_parse("echo >", 0, &parsed));
    ck_assert_ptr_nonnull(words_parse("> file", 0, &parsed));
    ck_assert_ptr_nonnull(words_parse("a & b", 0, &parsed));
    ck_assert_ptr_null(words_parse("", 0, &parsed));
    ck_assert_ptr_null(words_parse("# nothing", 0, &parsed));
    ck_assert_int_eq(parsed.count, 0);
}
END_TEST

START_TEST(shell_lines_that_are_too_long_are_refused)
{
    char *line = calloc(1, LINE_BYTES * 4);

    memset(line, 'x', LINE_BYTES * 4 - 1);
    ck_assert_ptr_nonnull(words_parse(line, 0, &parsed));
    for (size_t index = 1; index < LINE_BYTES; index += 2) {
        line[index] = ' ';
    }
    line[LINE_BYTES] = 0;
    ck_assert_ptr_nonnull(words_parse(line, 0, &parsed));
    free(line);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("words");
    TCase *test_case = tcase_create("words");

    tcase_add_test(test_case, session_words_are_apart_by_blanks);
    tcase_add_test(test_case, session_words_are_quoted);
    tcase_add_test(test_case, session_lines_that_are_not_well_formed_are_refused);
    tcase_add_test(test_case, session_words_stay_in_their_room);
    tcase_add_test(test_case, shell_takes_a_line_apart);
    tcase_add_test(test_case, shell_redirections_need_no_blanks);
    tcase_add_test(test_case, shell_says_what_is_wrong);
    tcase_add_test(test_case, shell_lines_that_are_too_long_are_refused);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
