/* SPDX-License-Identifier: MIT */
/* The digest by which the injector tells states of a machine apart. */
/* sources: faultinject/plugin/digest.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "faultinject/plugin/digest.h"
#include "suite.h"

static uint8_t page[DIGEST_PAGE_BYTES];

static void fill(void)
{
    uint32_t state = 1;

    for (size_t i = 0; i < sizeof page; i++) {
        state = state * 1664525u + 1013904223u;
        page[i] = (uint8_t)(state >> 24);
    }
}

static void check_every_bit_counts(void)
{
    struct digest before = digest_page(page);

    for (size_t bit = 0; bit < sizeof page * 8; bit++) {
        struct digest after;

        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
        after = digest_page(page);
        ck_assert(after.word[0] != before.word[0]);
        ck_assert(after.word[1] != before.word[1]);
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

START_TEST(every_bit_of_a_page_counts)
{
    fill();
    check_every_bit_counts();
    memset(page, 0, sizeof page);
    check_every_bit_counts();
    memset(page, 0xff, sizeof page);
    check_every_bit_counts();
}
END_TEST

START_TEST(parts_of_a_page_that_change_places_are_seen)
{
    struct digest before;
    uint8_t part[64];

    fill();
    before = digest_page(page);
    for (size_t bytes = 8; bytes <= sizeof part; bytes *= 2) {
        for (size_t at = bytes; at < sizeof page; at += bytes) {
            struct digest after;

            memcpy(part, page, bytes);
            memcpy(page, page + at, bytes);
            memcpy(page + at, part, bytes);
            after = digest_page(page);
            ck_assert(!digest_equal(&after, &before));
            fill();
        }
    }
}
END_TEST

START_TEST(a_sum_knows_places_and_no_order)
{
    struct digest a;
    struct digest b;
    struct digest there = {{0, 0}};
    struct digest back = {{0, 0}};
    struct digest exchanged = {{0, 0}};

    fill();
    a = digest_page(page);
    page[0] ^= 1;
    b = digest_page(page);
    digest_add(&there, 1, a);
    digest_add(&there, 2, b);
    digest_add(&back, 2, b);
    digest_add(&back, 1, a);
    digest_add(&exchanged, 1, b);
    digest_add(&exchanged, 2, a);
    ck_assert(digest_equal(&there, &back));
    ck_assert(!digest_equal(&there, &exchanged));
}
END_TEST

START_TEST(lengths_count_though_zeros_are_added)
{
    static uint8_t bytes[2 * DIGEST_PAGE_BYTES];
    struct digest longer = digest_bytes(bytes, sizeof bytes);
    struct digest shorter = digest_bytes(bytes, sizeof bytes - 1);
    struct digest empty = digest_bytes(bytes, 0);

    ck_assert(!digest_equal(&longer, &shorter));
    ck_assert(!digest_equal(&empty, &shorter));
    bytes[sizeof bytes - 2] = 1;
    shorter = digest_bytes(bytes, sizeof bytes - 1);
    bytes[sizeof bytes - 2] = 0;
    longer = digest_bytes(bytes, sizeof bytes - 1);
    ck_assert(!digest_equal(&longer, &shorter));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digest");
    TCase *test_case = tcase_create("digest");

    tcase_set_timeout(test_case, 120);
    tcase_add_test(test_case, every_bit_of_a_page_counts);
    tcase_add_test(test_case, parts_of_a_page_that_change_places_are_seen);
    tcase_add_test(test_case, a_sum_knows_places_and_no_order);
    tcase_add_test(test_case, lengths_count_though_zeros_are_added);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
