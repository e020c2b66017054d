/* SPDX-License-Identifier: MIT */
/* The servers' own memory functions and formatter, under names of their own, against the host's. */
/* sources: servers/common/memory.c */
/*
 * flags: -ffreestanding -fno-builtin -Dmemcpy=server_memcpy -Dmemmove=server_memmove -Dmemset=server_memset
 * -Dmemcmp=server_memcmp -Dstrlen=server_strlen
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "servers/common/server.h"
#include "suite.h"

#define SIZE 160

static uint8_t model[SIZE];
static uint8_t actual[SIZE];

static void fill(void)
{
    for (int index = 0; index < SIZE; index++) {
        model[index] = actual[index] = (uint8_t)random();
    }
}

static void expect_equal(void)
{
    for (int index = 0; index < SIZE; index++) {
        if (model[index] != actual[index]) {
            ck_abort_msg("byte %d is %u, not %u", index, actual[index], model[index]);
        }
    }
}

START_TEST(memmove_moves_every_overlap)
{
    for (size_t from = 0; from < 24; from++) {
        for (size_t to = 0; to < 24; to++) {
            for (size_t bytes = 0; bytes < 100; bytes += 1 + bytes / 20) {
                uint8_t kept[SIZE];

                fill();
                for (size_t index = 0; index < bytes; index++) {
                    kept[index] = model[from + index];
                }
                for (size_t index = 0; index < bytes; index++) {
                    model[to + index] = kept[index];
                }
                if (memmove(actual + to, actual + from, bytes) != actual + to) {
                    ck_abort_msg("not the destination");
                }
                expect_equal();
            }
        }
    }
}
END_TEST

START_TEST(memcpy_and_memset_touch_what_they_should)
{
    for (size_t bytes = 0; bytes <= 80; bytes++) {
        fill();
        for (size_t index = 0; index < bytes; index++) {
            model[index + 3] = model[index + 83 - 8];
        }
        ck_assert_ptr_eq(memcpy(actual + 3, actual + 83 - 8, bytes < 72 ? bytes : 72), actual + 3);
        if (bytes < 72) {
            expect_equal();
        }
        fill();
        for (size_t index = 0; index < bytes; index++) {
            model[index + 5] = 0xa7;
        }
        ck_assert_ptr_eq(memset(actual + 5, 0x1a7, bytes), actual + 5);
        expect_equal();
    }
}
END_TEST

START_TEST(memcmp_finds_the_first_difference)
{
    for (size_t place = 0; place < 40; place++) {
        fill();
        ck_assert_int_eq(memcmp(model, actual, 40), 0);
        actual[place] ^= 0x81;
        actual[place + 1] ^= 0x40;
        ck_assert_int_eq(memcmp(model, actual, place), 0);
        ck_assert_int_eq(memcmp(model, actual, 40) < 0, model[place] < actual[place]);
        ck_assert_int_eq(memcmp(model, actual, 40) > 0, model[place] > actual[place]);
    }
}
END_TEST

START_TEST(strlen_counts)
{
    ck_assert_uint_eq(strlen(""), 0);
    ck_assert_uint_eq(strlen("seventeen letters"), 17);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server common");
    TCase *test_case = tcase_create("memory");

    tcase_add_test(test_case, memmove_moves_every_overlap);
    tcase_add_test(test_case, memcpy_and_memset_touch_what_they_should);
    tcase_add_test(test_case, memcmp_finds_the_first_difference);
    tcase_add_test(test_case, strlen_counts);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
