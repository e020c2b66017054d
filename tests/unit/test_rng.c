/* SPDX-License-Identifier: MIT */
/* The generator of rng against published vectors, and the check that recovery makes of a stream. */
/* sources: servers/rng/generator.c servers/rng/state.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "servers/rng/generator.h"
#include "servers/rng/state.h"
#include "suite.h"

/* The first outputs of xoshiro256** from the state 1, 2, 3, 4. */
START_TEST(generator_gives_the_published_numbers)
{
    static const uint64_t expected[] = {
        11520u,
        0u,
        1509978240u,
        1215971899390074240u,
        1216172134540287360u,
        607988272756665600u,
        16172922978634559625u,
        8476171486693032832u,
        10595114339597558777u,
        2904607092377533576u,
    };
    const uint64_t start[4] = {1, 2, 3, 4};
    uint64_t state[4] = {1, 2, 3, 4};
    uint64_t numbers[10];

    generator_fill(state, numbers, 10);
    for (size_t index = 0; index < sizeof(expected) / sizeof(expected[0]); index++) {
        ck_assert_uint_eq(numbers[index], expected[index]);
    }
    ck_assert(generator_confirm(start, state, numbers, 10));
}
END_TEST

/* One bit of anything: where the stream began, where it ended, the numbers, how many they are. */
START_TEST(numbers_that_differ_in_one_bit_are_not_confirmed)
{
    uint64_t words[4 + 4 + 3] = {1, 2, 3, 4, 1, 2, 3, 4};

    generator_fill(words + 4, words + 8, 3);
    ck_assert(generator_confirm(words, words + 4, words + 8, 3));
    ck_assert(!generator_confirm(words, words + 4, words + 8, 2));
    for (unsigned int bit = 0; bit < 64 * 11; bit++) {
        words[bit / 64] ^= (uint64_t)1 << bit % 64;
        ck_assert(!generator_confirm(words, words + 4, words + 8, 3));
        words[bit / 64] ^= (uint64_t)1 << bit % 64;
    }
    generator_seed(words, 7);
    ck_assert(generator_confirm_seed(words, 7));
    ck_assert(!generator_confirm_seed(words, 8));
    words[3] ^= 1;
    ck_assert(!generator_confirm_seed(words, 7));
}
END_TEST

/* The first outputs of splitmix64 from 1234567 are the state. */
START_TEST(seed_fills_the_state_by_splitmix64)
{
    uint64_t state[4];

    generator_seed(state, 1234567);
    ck_assert_uint_eq(state[0], 6457827717110365317u);
    ck_assert_uint_eq(state[1], 3203168211198807973u);
    ck_assert_uint_eq(state[2], 9817491932198370423u);
    ck_assert_uint_eq(state[3], 4593380528125082431u);
}
END_TEST

START_TEST(seed_never_gives_a_zero_state)
{
    for (uint64_t seed = 0; seed < 10000; seed++) {
        uint64_t state[4];

        generator_seed(state, seed * 0x9e3779b97f4a7c15u);
        ck_assert(state[0] | state[1] | state[2] | state[3]);
    }
}
END_TEST

START_TEST(client_that_never_seeded_has_its_binding_as_seed)
{
    struct rng_ssr unseeded = {0};
    struct rng_ssr seeded = {0};

    stream_ensure_seeded(&unseeded, 17);
    stream_seed(&seeded, 17);
    ck_assert_mem_eq(&unseeded, &seeded, sizeof(seeded));
    ck_assert(stream_is_sealed(&unseeded));
    unseeded.drawn = 1;
    ck_assert(!stream_is_sealed(&unseeded));
    stream_seal(&unseeded);
    seeded = unseeded;
    stream_ensure_seeded(&unseeded, 17);
    ck_assert_mem_eq(&unseeded, &seeded, sizeof(seeded));
}
END_TEST

START_TEST(recovery_tells_a_stream_from_something_else)
{
    struct rng_ssr ssr = {0};

    ck_assert(stream_is_valid(&ssr));
    ssr.drawn = 1;
    ck_assert(!stream_is_valid(&ssr));
    stream_seed(&ssr, 1);
    ck_assert(stream_is_valid(&ssr));
    ssr.reserved = 1;
    ck_assert(!stream_is_valid(&ssr));
    ssr.reserved = 0;
    ssr.magic ^= 1;
    ck_assert(!stream_is_valid(&ssr));
    ssr.magic ^= 1;
    ssr.state[2] ^= 1;
    ck_assert(!stream_is_valid(&ssr));
    ssr.state[2] ^= 1;
    ck_assert(stream_is_valid(&ssr));
    memset(ssr.state, 0, sizeof(ssr.state));
    stream_seal(&ssr);
    ck_assert(!stream_is_valid(&ssr));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rng");
    TCase *test_case = tcase_create("rng");

    tcase_add_test(test_case, generator_gives_the_published_numbers);
    tcase_add_test(test_case, numbers_that_differ_in_one_bit_are_not_confirmed);
    tcase_add_test(test_case, seed_fills_the_state_by_splitmix64);
    tcase_add_test(test_case, seed_never_gives_a_zero_state);
    tcase_add_test(test_case, client_that_never_seeded_has_its_binding_as_seed);
    tcase_add_test(test_case, recovery_tells_a_stream_from_something_else);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
