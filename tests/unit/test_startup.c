/* SPDX-License-Identifier: MIT */
/* The start-up block: laid out for another address than where it is written, and never past its room. */
/* sources: lib/spawn/block.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "spawn/block.h"
#include "suite.h"

#define THERE 0x7eff0000ul

static const char *const arguments[] = {"program", "", "two words", NULL};
static const char *const environment[] = {"A=1", "LONG=0123456789abcdef0123456789abcdef", NULL};

static const struct spawn_service services[] = {{"fs", 33, 5, 0}, {"a-name-of-15-ch", 34, 6, 0}, {"", 35, 7, 0}};

static const struct startup_stream streams[] = {
    {.kind = STARTUP_CONSOLE},
    {.kind = STARTUP_PATH, .descriptor = 1, .flags = 0x601, .path = "/out"},
    {.kind = STARTUP_PIPE, .descriptor = 2, .number = 3},
};

static struct spawn_request request = {
    .name = "program",
    .arguments = arguments,
    .environment = environment,
    .working_directory = "/some/where",
    .streams = streams,
    .stream_count = 3,
    .process_number = 7,
    .parent_number = 1,
    .creation_mask = 022,
    .services = services,
    .service_count = 3,
};

/* What the program would read at `pointer`. */
static const void *seen(const void *room, const void *pointer)
{
    return (const uint8_t *)room + ((uintptr_t)pointer - THERE);
}

START_TEST(program_finds_everything)
{
    uint64_t bytes = startup_bytes(&request);
    struct startup_block *block = calloc(1, bytes);
    const struct startup_service *named;
    const struct startup_stream *stream;
    char *const *list;

    ck_assert_int_eq(startup_build(block, bytes, THERE, &request), 0);
    ck_assert_uint_eq(block->magic, STARTUP_MAGIC);
    ck_assert_uint_eq(block->argument_count, 3);
    list = seen(block, block->arguments);
    for (int index = 0; index < 3; index++) {
        ck_assert_str_eq(seen(block, list[index]), arguments[index]);
    }
    ck_assert_ptr_null(list[3]);
    list = seen(block, block->environment);
    ck_assert_str_eq(seen(block, list[0]), "A=1");
    ck_assert_str_eq(seen(block, list[1]), environment[1]);
    ck_assert_ptr_null(list[2]);
    ck_assert_str_eq(seen(block, block->working_directory), "/some/where");
    ck_assert_uint_eq(block->process_number, 7);
    ck_assert_uint_eq(block->creation_mask, 022);
    ck_assert_uint_eq(block->stream_count, 3);
    stream = seen(block, block->streams);
    ck_assert_uint_eq(stream[1].kind, STARTUP_PATH);
    ck_assert_uint_eq(stream[1].descriptor, 1);
    ck_assert_uint_eq(stream[1].flags, 0x601);
    ck_assert_str_eq(seen(block, stream[1].path), "/out");
    ck_assert_ptr_null(stream[0].path);
    ck_assert_uint_eq(stream[2].number, 3);
    ck_assert_uint_eq(block->service_count, 3);
    named = seen(block, block->services);
    for (int index = 0; index < 3; index++) {
        ck_assert_str_eq(named[index].name, services[index].name);
        ck_assert_uint_eq(named[index].slot, services[index].portal_slot);
    }
    free(block);
}
END_TEST

/* The size that was computed is exact: one byte less does not do, and nothing is written past it (ASan watches). */
START_TEST(size_is_exact)
{
    uint64_t bytes = startup_bytes(&request);

    for (uint64_t room_bytes = 0; room_bytes < bytes; room_bytes += 8) {
        void *room = calloc(1, room_bytes ? room_bytes : 1);

        ck_assert_int_eq(startup_build(room, room_bytes, THERE, &request), -1);
        free(room);
    }
}
END_TEST

START_TEST(nothing_at_all_is_fine)
{
    struct spawn_request empty = {.arguments = NULL, .environment = NULL};
    uint64_t bytes = startup_bytes(&empty);
    struct startup_block *block = calloc(1, bytes);

    ck_assert_int_eq(startup_build(block, bytes, THERE, &empty), 0);
    ck_assert_uint_eq(block->argument_count, 0);
    ck_assert_ptr_null(*(char *const *)seen(block, block->arguments));
    ck_assert_ptr_null(block->working_directory);
    free(block);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("startup");
    TCase *test_case = tcase_create("startup");

    tcase_add_test(test_case, program_finds_everything);
    tcase_add_test(test_case, size_is_exact);
    tcase_add_test(test_case, nothing_at_all_is_fine);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
