/* SPDX-License-Identifier: MIT */
/* The servers' formatter. */
/* sources: servers/common/format.c */
#include <check.h>
#include <stdlib.h>

#include "servers/common/server.h"
#include "suite.h"

static char text[64];

START_TEST(conversions)
{
    server_format(text, sizeof(text), "%s %c %d %u %x", "name", 'c', -5, 7u, 0xbeefu);
    ck_assert_str_eq(text, "name c -5 7 beef");
    server_format(text, sizeof(text), "%lx %lu %ld", 0xffffffffffffffffu, 18446744073709551615u, INT64_MIN);
    ck_assert_str_eq(text, "ffffffffffffffff 18446744073709551615 -9223372036854775808");
    server_format(text, sizeof(text), "[%04x] [%4u] [%%]", 0xabu, 9u);
    ck_assert_str_eq(text, "[00ab] [   9] [%]");
    server_format(text, sizeof(text), "%u%d", 0u, 0);
    ck_assert_str_eq(text, "00");
}
END_TEST

START_TEST(never_writes_past_the_room)
{
    for (size_t room = 0; room < 12; room++) {
        for (size_t index = 0; index < sizeof(text); index++) {
            text[index] = '#';
        }
        ck_assert_uint_eq(server_format(text, room, "%s%d", "abcd", 123456), room == 0       ? 0
                                                                             : room - 1 < 10 ? room - 1
                                                                                             : 10);
        ck_assert_int_eq(text[room], '#');
        if (room > 0) {
            ck_assert_int_eq(text[room - 1 < 10 ? room - 1 : 10], '\0');
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server format");
    TCase *test_case = tcase_create("format");

    tcase_add_test(test_case, conversions);
    tcase_add_test(test_case, never_writes_past_the_room);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
