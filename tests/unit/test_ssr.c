/* SPDX-License-Identifier: MIT */
/* sources: ssr/ssr.c */
/*
 * The SSR manager: commit and rollback, ranges, and what a flipped bit does in either copy.
 *
 * Rule: small spaces are enumerated: every bit of a 256-byte region is flipped in each copy, at rest and in
 * use.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ssr/ssr.h"
#include "suite.h"

#define SMALL_BYTES 256u
#define LARGE_BYTES 8192u

static struct ssr_memory ssr;
static struct ssr_layout layout;

static void set_range(struct ssr_range range)
{
    ck_assert(ssr_layout_set(&layout, &range, 1, SSR_BYTES_MAXIMUM));
}


static void make(uint32_t bytes)
{
    memset(&ssr, 0, sizeof(ssr));
    for (uint32_t copy = 0; copy < 2; copy++)
        for (uint32_t page = 0; page < ssr_page_count(bytes); page++) {
            ssr.page[copy][page] = aligned_alloc(SSR_PAGE_BYTES, SSR_PAGE_BYTES);
            memset(ssr.page[copy][page], 0, SSR_PAGE_BYTES);
        }
    ssr_initialise(&ssr, bytes, &layout);
}

static void setup(void)
{
    memset(&layout, 0, sizeof(layout));
}

static void teardown(void)
{
    for (uint32_t copy = 0; copy < 2; copy++)
        for (uint32_t page = 0; page < SSR_MAX_PAGES; page++)
            free(ssr.page[copy][page]);
    memset(&ssr, 0, sizeof(ssr));
}

/* One transaction that writes `value` at quadword `index` of `page` and commits. */
static void commit_value(uint32_t page, uint32_t index, uint64_t value)
{
    ck_assert(ssr_open(&ssr));
    ssr.page[ssr_working(&ssr)][page][index] = value;
    ck_assert(ssr_seal(&ssr, 1u << page));
    ssr_publish(&ssr);
    ssr_settle(&ssr, 1u << page);
}

static uint64_t committed_value(uint32_t page, uint32_t index)
{
    return ssr.page[ssr.committed][page][index];
}

static void expect_copies_equal(void)
{
    for (uint32_t page = 0; page < ssr.pages; page++) {
        ck_assert_int_eq(memcmp(ssr.page[0][page], ssr.page[1][page], ssr.page_bytes), 0);
        ck_assert_uint_eq(ssr.sum[0][page], ssr.sum[1][page]);
    }
}

START_TEST(a_new_region_is_intact)
{
    make(SMALL_BYTES);
    ck_assert(ssr_open(&ssr));
    ck_assert_int_eq(ssr_scrub(&ssr), SSR_INTACT);
}
END_TEST

START_TEST(sizes_take_whole_granules_and_pages)
{
    ck_assert_uint_eq(ssr_page_count(1), 1);
    ck_assert_uint_eq(ssr_page_count(4096), 1);
    ck_assert_uint_eq(ssr_page_count(4097), 2);
    ck_assert_uint_eq(ssr_page_count(SSR_BYTES_MAXIMUM), SSR_MAX_PAGES);
    ck_assert_uint_eq(ssr_page_bytes(1), CHECKSUM_GRANULE);
    ck_assert_uint_eq(ssr_page_bytes(CHECKSUM_GRANULE + 1), 2 * CHECKSUM_GRANULE);
    ck_assert_uint_eq(ssr_page_bytes(5000), SSR_PAGE_BYTES);
}
END_TEST

START_TEST(a_commit_shows_in_both_copies)
{
    make(SMALL_BYTES);
    commit_value(0, 3, 77);
    ck_assert_uint_eq(committed_value(0, 3), 77);
    expect_copies_equal();
    commit_value(0, 3, 78);
    ck_assert_uint_eq(committed_value(0, 3), 78);
    expect_copies_equal();
    ck_assert_int_eq(ssr_scrub(&ssr), SSR_INTACT);
}
END_TEST

START_TEST(nothing_counts_before_the_flip)
{
    make(SMALL_BYTES);
    commit_value(0, 0, 1);
    ssr.page[ssr_working(&ssr)][0][0] = 2;
    ck_assert(ssr_seal(&ssr, 1));
    ck_assert_uint_eq(committed_value(0, 0), 1);
    ssr_publish(&ssr);
    ck_assert_uint_eq(committed_value(0, 0), 2);
}
END_TEST

START_TEST(a_rollback_takes_everything_back)
{
    make(LARGE_BYTES);
    commit_value(0, 0, 1);
    commit_value(1, 511, 2);
    memset(ssr.page[ssr_working(&ssr)][0], 0xee, SSR_PAGE_BYTES);
    memset(ssr.page[ssr_working(&ssr)][1], 0xee, SSR_PAGE_BYTES);
    ck_assert_int_eq(ssr_rollback(&ssr, 3), SSR_INTACT);
    expect_copies_equal();
    ck_assert_uint_eq(committed_value(0, 0), 1);
    ck_assert_uint_eq(committed_value(1, 511), 2);
    ck_assert(ssr_open(&ssr));
}
END_TEST

START_TEST(a_rollback_after_sealing_takes_everything_back)
{
    make(SMALL_BYTES);
    commit_value(0, 0, 1);
    ssr.page[ssr_working(&ssr)][0][0] = 2;
    ck_assert(ssr_seal(&ssr, 1));
    ck_assert_int_eq(ssr_rollback(&ssr, 1), SSR_INTACT);
    expect_copies_equal();
    ck_assert_uint_eq(committed_value(0, 0), 1);
}
END_TEST

START_TEST(a_write_to_one_page_leaves_the_other_alone)
{
    uint32_t sum;

    make(LARGE_BYTES);
    commit_value(1, 0, 5);
    sum = ssr.sum[ssr.committed][1];
    commit_value(0, 0, 6);
    ck_assert_uint_eq(ssr.sum[ssr.committed][1], sum);
    ck_assert_uint_eq(committed_value(1, 0), 5);
    expect_copies_equal();
}
END_TEST

START_TEST(a_flip_in_a_page_that_was_not_written_is_not_blessed)
{
    make(LARGE_BYTES);
    commit_value(1, 7, 5);
    ck_assert(ssr_open(&ssr));
    ssr.page[ssr_working(&ssr)][1][7] ^= 1; /* while the transaction runs */
    ssr.page[ssr_working(&ssr)][0][0] = 9;
    ck_assert(ssr_seal(&ssr, 1));
    ssr_publish(&ssr);
    ssr_settle(&ssr, 1);
    ck_assert_int_eq(ssr_scrub(&ssr), SSR_REPAIRED);
    ck_assert_uint_eq(committed_value(1, 7), 5);
    expect_copies_equal();
}
END_TEST

START_TEST(every_flipped_bit_of_the_working_copy_is_found_and_repaired)
{
    make(SMALL_BYTES);
    commit_value(0, 1, 0x0123456789abcdef);
    for (uint32_t bit = 0; bit < SMALL_BYTES * 8; bit++) {
        ssr.page[ssr_working(&ssr)][0][bit / 64] ^= 1ull << bit % 64;
        ck_assert(!ssr_open(&ssr));
        ck_assert_int_eq(ssr_repair(&ssr), SSR_REPAIRED);
        ck_assert(ssr_open(&ssr));
        expect_copies_equal();
    }
    ck_assert_uint_eq(ssr.repairs, UINT8_MAX); /* counted, saturating */
    ck_assert_uint_eq(committed_value(0, 1), 0x0123456789abcdef);
}
END_TEST

START_TEST(every_flipped_bit_of_the_committed_copy_is_found_and_repaired)
{
    make(SMALL_BYTES);
    commit_value(0, 1, 42);
    for (uint32_t bit = 0; bit < SMALL_BYTES * 8; bit++) {
        ssr.page[ssr.committed][0][bit / 64] ^= 1ull << bit % 64;
        ck_assert_int_eq(ssr_scrub(&ssr), SSR_REPAIRED);
        expect_copies_equal();
    }
    ck_assert_uint_eq(committed_value(0, 1), 42);
    ck_assert_uint_eq(ssr.quarantined, 0);
}
END_TEST

START_TEST(two_bad_copies_are_lost_and_quarantined)
{
    make(SMALL_BYTES);
    commit_value(0, 1, 42);
    ssr.page[0][0][1] ^= 1;
    ssr.page[1][0][2] ^= 1;
    ck_assert(!ssr_open(&ssr));
    ck_assert_int_eq(ssr_repair(&ssr), SSR_LOST);
    ck_assert_uint_eq(ssr.quarantined, 1);
}
END_TEST

START_TEST(different_pages_may_be_bad_in_different_copies)
{
    make(LARGE_BYTES);
    commit_value(0, 0, 1);
    commit_value(1, 0, 2);
    ssr.page[0][0][0] ^= 4;
    ssr.page[1][1][0] ^= 4;
    ck_assert_int_eq(ssr_scrub(&ssr), SSR_REPAIRED);
    ck_assert_uint_eq(committed_value(0, 0), 1);
    ck_assert_uint_eq(committed_value(1, 0), 2);
    ck_assert_uint_eq(ssr.repairs, 2);
}
END_TEST

START_TEST(a_rollback_onto_a_bad_committed_page_is_lost)
{
    make(SMALL_BYTES);
    ssr.page[ssr_working(&ssr)][0][0] = 2;
    ssr.page[ssr.committed][0][0] ^= 1;
    ck_assert_int_eq(ssr_rollback(&ssr, 1), SSR_LOST);
    ck_assert_uint_eq(ssr.quarantined, 1);
}
END_TEST

START_TEST(a_value_out_of_its_range_is_refused_at_both_ends)
{
    static const struct {
        uint8_t width_bytes;
        uint64_t minimum, maximum;
    } cases[] = {{1, 3, 200}, {2, 3, 60000}, {4, 3, 4000000000}, {8, 3, UINT64_MAX - 1}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_range((struct ssr_range){.offset = 8,
                                              .width_bytes = cases[i].width_bytes,
                                              .count = 1,
                                              .minimum = cases[i].minimum,
                                              .maximum = cases[i].maximum});
        make(SMALL_BYTES);
        ssr.page[ssr_working(&ssr)][0][1] = cases[i].minimum - 1;
        ck_assert(!ssr_seal(&ssr, 1));
        ssr.page[ssr_working(&ssr)][0][1] = cases[i].maximum + 1;
        ck_assert(!ssr_seal(&ssr, 1));
        ssr.page[ssr_working(&ssr)][0][1] = cases[i].minimum;
        ck_assert(ssr_seal(&ssr, 1));
        ssr.page[ssr_working(&ssr)][0][1] = cases[i].maximum;
        ck_assert(ssr_seal(&ssr, 1));
        teardown();
    }
}
END_TEST

START_TEST(every_element_of_a_strided_range_is_checked)
{
    set_range((struct ssr_range){
        .offset = 4, .width_bytes = 4, .count = 10, .stride = 24, .minimum = 0, .maximum = 1});
    make(SMALL_BYTES);
    for (uint32_t element = 0; element < 10; element++) {
        uint32_t *values = (uint32_t *)ssr.page[ssr_working(&ssr)][0];

        values[1 + element * 6] = 2;
        ck_assert(!ssr_seal(&ssr, 1));
        values[1 + element * 6] = 1;
        ck_assert(ssr_seal(&ssr, 1));
        values[element * 6] = 2; /* its neighbour has no range */
        ck_assert(ssr_seal(&ssr, 1));
    }
}
END_TEST

START_TEST(ranges_of_pages_that_were_not_written_are_not_checked)
{
    set_range((struct ssr_range){
        .offset = 4096, .width_bytes = 8, .count = 1, .minimum = 0, .maximum = 1});
    make(LARGE_BYTES);
    ssr.page[ssr_working(&ssr)][1][0] = 9;
    ck_assert(ssr_seal(&ssr, 1));
    ck_assert(!ssr_seal(&ssr, 2));
    ck_assert(!ssr_seal(&ssr, 3));
}
END_TEST

START_TEST(a_range_that_cannot_be_checked_is_refused)
{
    static const struct ssr_range bad[] = {
        {.offset = 2, .width_bytes = 4, .count = 1, .maximum = 1},                /* not aligned */
        {.offset = 256, .width_bytes = 8, .count = 1, .maximum = 1},              /* outside */
        {.offset = 0, .width_bytes = 3, .count = 1, .maximum = 1},                /* no such width */
        {.offset = 0, .width_bytes = 8, .count = 0, .maximum = 1},                /* nothing */
        {.offset = 0, .width_bytes = 4, .count = 2, .stride = 4, .maximum = 1},   /* stride */
        {.offset = 0, .width_bytes = 8, .count = 33, .stride = 8, .maximum = 1},  /* the last one is outside */
        {.offset = 0, .width_bytes = 8, .count = 1, .minimum = 2, .maximum = 1},  /* empty */
    };
    struct ssr_range most = {.width_bytes = 8, .count = SSR_RANGE_COUNT_MAXIMUM + 1, .stride = 8, .maximum = 1};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert(!ssr_layout_set(&layout, &bad[i], 1, 256));
    ck_assert(!ssr_layout_set(&layout, &most, 1, SSR_BYTES_MAXIMUM));
    ck_assert_uint_eq(layout.count, 0);
}
END_TEST

START_TEST(a_refused_seal_changes_nothing)
{
    uint32_t sum;

    set_range((struct ssr_range){.width_bytes = 8, .count = 1, .minimum = 0, .maximum = 1});
    make(SMALL_BYTES);
    commit_value(0, 0, 1);
    sum = ssr.sum[ssr_working(&ssr)][0];
    ssr.page[ssr_working(&ssr)][0][0] = 2;
    ck_assert(!ssr_seal(&ssr, 1));
    ck_assert_uint_eq(ssr.sum[ssr_working(&ssr)][0], sum);
    ck_assert_int_eq(ssr_rollback(&ssr, 1), SSR_INTACT);
    ck_assert_uint_eq(committed_value(0, 0), 1);
}
END_TEST

START_TEST(the_short_ways_for_one_page_do_the_same)
{
    make(SMALL_BYTES);
    ssr.page[ssr_working(&ssr)][0][5] = 55;
    ck_assert(ssr_seal_page(&ssr));
    ssr_publish(&ssr);
    ssr_settle_page(&ssr);
    ck_assert_uint_eq(committed_value(0, 5), 55);
    expect_copies_equal();
    ck_assert_int_eq(ssr_scrub(&ssr), SSR_INTACT);
}
END_TEST

START_TEST(a_forgotten_region_is_as_new)
{
    make(LARGE_BYTES);
    commit_value(1, 3, 77);
    ssr.page[ssr_working(&ssr)][0][5] = 78;
    ssr_forget(&ssr);
    ck_assert_uint_eq(committed_value(1, 3), 0);
    ck_assert_uint_eq(ssr.page[ssr_working(&ssr)][0][5], 0);
    ck_assert_int_eq(ssr_scrub(&ssr), SSR_INTACT);
    commit_value(1, 3, 79);
    ck_assert_uint_eq(committed_value(1, 3), 79);
}
END_TEST

START_TEST(the_checksum_is_crc_32c)
{
    /* RFC 3720, appendix B.4, gives the CRC-32C of 32 bytes; these are of 256, by bitwise division. */
    uint64_t words[CHECKSUM_GRANULE / 8];
    uint32_t expected = CHECKSUM_SEED;
    const uint8_t *bytes = (const uint8_t *)words;

    for (unsigned i = 0; i < CHECKSUM_GRANULE / 8; i++)
        words[i] = 0x9e3779b97f4a7c15 * (i + 1);
    for (unsigned i = 0; i < sizeof(words); i++) {
        expected ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            expected = expected & 1 ? expected >> 1 ^ 0x82f63b78 : expected >> 1;
    }
    ck_assert_uint_eq(checksum(words, sizeof(words)), expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ssr");
    TCase *cases = tcase_create("ssr");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_new_region_is_intact);
    tcase_add_test(cases, sizes_take_whole_granules_and_pages);
    tcase_add_test(cases, a_commit_shows_in_both_copies);
    tcase_add_test(cases, nothing_counts_before_the_flip);
    tcase_add_test(cases, a_rollback_takes_everything_back);
    tcase_add_test(cases, a_rollback_after_sealing_takes_everything_back);
    tcase_add_test(cases, a_write_to_one_page_leaves_the_other_alone);
    tcase_add_test(cases, a_flip_in_a_page_that_was_not_written_is_not_blessed);
    tcase_add_test(cases, every_flipped_bit_of_the_working_copy_is_found_and_repaired);
    tcase_add_test(cases, every_flipped_bit_of_the_committed_copy_is_found_and_repaired);
    tcase_add_test(cases, two_bad_copies_are_lost_and_quarantined);
    tcase_add_test(cases, different_pages_may_be_bad_in_different_copies);
    tcase_add_test(cases, a_rollback_onto_a_bad_committed_page_is_lost);
    tcase_add_test(cases, a_value_out_of_its_range_is_refused_at_both_ends);
    tcase_add_test(cases, every_element_of_a_strided_range_is_checked);
    tcase_add_test(cases, ranges_of_pages_that_were_not_written_are_not_checked);
    tcase_add_test(cases, a_refused_seal_changes_nothing);
    tcase_add_test(cases, a_range_that_cannot_be_checked_is_refused);
    tcase_add_test(cases, the_short_ways_for_one_page_do_the_same);
    tcase_add_test(cases, a_forgotten_region_is_as_new);
    tcase_add_test(cases, the_checksum_is_crc_32c);
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
