/* SPDX-License-Identifier: MIT */
/* What changes the structure is done twice and committed once; errors and damage are believed at the second time. */
/* sources: tests/unit/fs_host/ servers/common/recover.c servers/fs/ */
#define _GNU_SOURCE 1
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/posix_errno.h"
#include "fs_host/fs_calls.h"
#include "fs_host/fs_disk.h"
#include "fs_host/fs_host.h"
#include "servers/fs/cache.h"
#include "servers/fs/log.h"
#include "servers/fs/mount.h"
#include "servers/fs/state.h"
#include "servers/fs/transaction.h"
#include "servers/fs/twice.h"
#include "suite.h"

#define BLOCK 3000 /* nobody's */

static char image[128];
static uint32_t runs; /* of the operation under test, in this attempt of the test */
static int64_t (*operation)(struct request *request);
static int64_t result;

static void start(void)
{
    snprintf(image, sizeof(image), "/tmp/fs-twice.%d.img", getpid());
    host_seed(1);
    ck_assert_int_eq(host_run("rm -f %s; mke2fs -q -F -t ext2 -b 4096 %s 16M >/dev/null", image, image), 0);
    host_start(image);
    host_run("rm -f %s", image);
    host_plan = (struct host_plan){.panics_allowed = true};
}

static void do_it(void)
{
    struct request request = {0};

    cache_begin_call();
    result = do_twice(operation, &request, true);
    region_seal();
}

static bool done(int64_t (*what)(struct request *request))
{
    operation = what;
    runs = 0;
    return host_transaction(0, do_it);
}

static uint8_t value_at(uint32_t block, uint32_t offset)
{
    const uint8_t *byte;

    transaction_begin(false);
    cache_begin_call();
    byte = block_view(block, offset, 1);
    ck_assert_ptr_nonnull(byte);
    return *byte;
}

static uint8_t *edit(uint32_t block, uint32_t offset)
{
    uint8_t *byte = block_edit(block, offset, 1, BLOCK_METADATA);

    ck_assert_ptr_nonnull(byte);
    return byte;
}

/* ---- The same both times ---- */

static int64_t count_up(struct request *request)
{
    request->reply[1] = ++*edit(BLOCK, 77);
    ++*edit(BLOCK, 2000);
    ++*edit(BLOCK + 1, 5);
    runs++;
    return 5;
}

START_TEST(both_times_begin_at_the_same_and_count_once)
{
    start();
    for (uint8_t count = 1; count < 4; count++) {
        ck_assert(done(count_up));
        ck_assert_uint_eq(runs, 2);
        ck_assert_int_eq(result, 5);
        ck_assert_uint_eq(value_at(BLOCK, 77), count);
        ck_assert_uint_eq(value_at(BLOCK, 2000), count);
        ck_assert_uint_eq(value_at(BLOCK + 1, 5), count);
        host_crash_now();
        ck_assert_uint_eq(value_at(BLOCK, 77), count);
    }
}
END_TEST

/* More than an abort remembers, and blocks that are made anew. */
static int64_t change_much(struct request *request)
{
    (void)request;
    for (uint32_t chunk = 0; chunk < SAVED_CHUNKS + 40; chunk++) {
        ++*edit(BLOCK + chunk / 16, chunk % 16 * CHUNK_BYTES);
    }
    ck_assert_ptr_nonnull(block_make(BLOCK + 30, BLOCK_METADATA));
    ++*edit(BLOCK + 30, 9);
    return 0;
}

START_TEST(what_cannot_be_saved_is_read_again)
{
    start();
    for (uint8_t count = 1; count < 4; count++) {
        ck_assert(done(change_much));
        ck_assert_uint_eq(value_at(BLOCK, 0), count);
        ck_assert_uint_eq(value_at(BLOCK + (SAVED_CHUNKS + 39) / 16, 39 % 16 * CHUNK_BYTES), count);
        ck_assert_uint_eq(value_at(BLOCK + 30, 9), 1);
        ck_assert_int_eq(fs_simple(0, FS_AUDIT), 0);
    }
}
END_TEST

/* ---- Differently the second time ---- */

static int64_t other_byte(struct request *request)
{
    (void)request;
    *edit(BLOCK, 77) = (uint8_t)(40 + runs++);
    return 0;
}

static int64_t other_place(struct request *request)
{
    (void)request;
    *edit(BLOCK, 77 + 8 * runs++) = 1;
    return 0;
}

static int64_t other_block(struct request *request)
{
    (void)request;
    *edit(BLOCK + runs++, 77) = 1;
    return 0;
}

static int64_t other_result(struct request *request)
{
    (void)request;
    *edit(BLOCK, 77) = 1;
    return runs++;
}

static int64_t other_reply(struct request *request)
{
    *edit(BLOCK, 77) = 1;
    request->reply[2] = runs++;
    return 0;
}

static int64_t other_count(struct request *request)
{
    (void)request;
    fs.transaction.free_blocks = (int32_t)runs++;
    return 0;
}

static int64_t other_session(struct request *request)
{
    (void)request;
    session_open(runs++, 2, 0, 0, 0);
    return 0;
}

static int64_t error_at_first(struct request *request)
{
    (void)request;
    *edit(BLOCK, 77) = 1;
    return runs++ == 0 ? -PE_NOENT : 0;
}

static int64_t error_at_last(struct request *request)
{
    (void)request;
    *edit(BLOCK, 77) = 1;
    return runs++ == 0 ? 0 : -PE_NOENT;
}

static int64_t other_error(struct request *request)
{
    (void)request;
    return runs++ == 0 ? -PE_NOENT : -PE_EXIST;
}

START_TEST(a_difference_ends_the_incarnation_and_is_taken_back)
{
    static int64_t (*const differing[])(struct request *request) = {
        other_byte,  other_place,   other_block,    other_result,  other_reply,
        other_count, other_session, error_at_first, error_at_last, other_error};

    start();
    ck_assert(!done(differing[_i]));
    ck_assert_uint_eq(runs, 2);
    ck_assert_uint_eq(value_at(BLOCK, 77), 0);
    ck_assert_uint_eq(value_at(BLOCK + 1, 77), 0);
    ck_assert(log_is_empty());
    ck_assert_int_eq(fs_simple(0, FS_AUDIT), 0);
}
END_TEST

/* ---- Damage ---- */

static int64_t open_it(void)
{
    int64_t handle = fs_open(0, "/lost+found", 0, 0);

    return handle < 0 ? handle : fs_close(0, handle);
}

START_TEST(damage_that_a_new_incarnation_does_not_find_was_none)
{
    start();
    host_crash_now();
    host_counts.crashes = 0;
    host_plan.disk_error_reads = 6; /* of one incarnation, which looks twice, three times each */
    ck_assert_int_eq(open_it(), 0);
    ck_assert_uint_eq(host_counts.crashes, 1);
    ck_assert_uint_eq(fs_region()->damages, 0);
}
END_TEST

START_TEST(damage_that_stays_is_told_and_in_the_end_believed_at_once)
{
    size_t bytes;
    uint8_t *disk;
    uint8_t *name;

    start();
    ck_assert_int_eq(fs_path(0, FS_MKDIR, "/unmistakable", 0755, 0, 0), 0);
    ck_assert_int_eq(fs_simple(0, FS_SYNC), 0);
    disk = host_disk(&bytes);
    name = memmem(disk, bytes, "unmistakable", 12);
    ck_assert_ptr_nonnull(name);
    name[-4] = 3; /* the length of the entry */
    host_crash_now();
    for (uint32_t round = 0; round < 8; round++) {
        host_counts.crashes = 0;
        ck_assert_int_eq(fs_open(0, "/unmistakable", 0, 0), -PE_IO);
        ck_assert_uint_eq(host_counts.crashes, round < 4);
        ck_assert_int_eq(open_it(), 0);
    }
    ck_assert_int_eq(fs_simple(0, FS_AUDIT), 0);
}
END_TEST

START_TEST(a_disk_that_cannot_be_read_is_tried_again)
{
    start();
    for (uint32_t round = 0; round < 3; round++) {
        int64_t handle = fs_open(0, "/", 0, 0);

        ck_assert_int_ge(handle, 0);
        host_crash_now();
        host_plan.disk_error_reads = UINT64_MAX;
        ck_assert_int_eq(open_it(), -PE_IO);
        host_counts.crashes = 0;
        ck_assert_int_eq(open_it(), -PE_IO);
        ck_assert_uint_eq(host_counts.crashes, 0);
        host_plan.disk_error_reads = 0;
        ck_assert_int_eq(open_it(), 0);
        ck_assert_int_eq(fs_close(0, handle), 0);
    }
    ck_assert_int_eq(fs_simple(0, FS_AUDIT), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fs_twice");
    TCase *tests = tcase_create("twice");

    tcase_add_test(tests, both_times_begin_at_the_same_and_count_once);
    tcase_add_test(tests, what_cannot_be_saved_is_read_again);
    tcase_add_loop_test(tests, a_difference_ends_the_incarnation_and_is_taken_back, 0, 10);
    tcase_add_test(tests, damage_that_a_new_incarnation_does_not_find_was_none);
    tcase_add_test(tests, damage_that_stays_is_told_and_in_the_end_believed_at_once);
    tcase_add_test(tests, a_disk_that_cannot_be_read_is_tried_again);
    tcase_set_timeout(tests, 600);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
