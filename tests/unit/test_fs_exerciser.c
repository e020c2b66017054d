/* SPDX-License-Identifier: MIT */
/* Random operations against the build machine's own file system: without crashes, and with crashes of the server. */
/* sources: tests/unit/fs_host/ tests/unit/fs_exerciser/ servers/common/recover.c servers/fs/ */
/* flags: -fsanitize-coverage=trace-pc */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_exerciser/fs_exerciser.h"
#include "fs_exerciser/same.h"
#include "fs_host/fs_calls.h"
#include "fs_host/fs_disk.h"
#include "fs_host/fs_host.h"
#include "suite.h"

static char image[128];
static char directory[128];

/* FS_STEPS and FS_SEED in the environment make longer or other runs. */
static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);

    return value != NULL ? strtoull(value, NULL, 0) : otherwise;
}

static void prepare(int number, uint64_t seed_offset, const char *size)
{
    host_seed(setting("FS_SEED", 1) + seed_offset + (uint64_t)number);
    snprintf(image, sizeof(image), "/tmp/fs-exerciser.%d.img", getpid());
    snprintf(directory, sizeof(directory), "/tmp/fs-exerciser.%d", getpid());
    ck_assert_int_eq(host_run("rm -f %s; mke2fs -q -F -t ext2 -b %u -I %u %s %s >/dev/null", image,
                              1024u << number % 3, 256u >> number / 3 % 2, image, size),
                     0);
    host_start(image);
    exerciser_start(directory);
}

/* Compare the trees, unmount; e2fsck must find nothing to say. */
static void finish(bool agreed)
{
    host_plan = (struct host_plan){0};
    if (agreed) {
        agreed = same_trees();
    }
    exerciser_end();
    ck_assert(agreed);
    ck_assert_int_eq(fs_simple(0, FS_AUDIT), 0);
    ck_assert_int_eq(fs_simple(0, FS_UNMOUNT), 0);
    host_save(image);
    ck_assert_int_eq(host_run("e2fsck -fn %s >/dev/null 2>&1", image), 0);
    host_run("rm -rf %s %s", image, directory);
    if (getenv("FS_STEPS") != NULL) {
        printf("calls %lu, crashes %lu, %lu of them in recovery\n", host_counts.calls, host_counts.crashes,
               host_counts.crashes_in_recovery);
    }
}

START_TEST(agrees_without_crashes)
{
    prepare(_i, 0, "48M");
    finish(exerciser_run(setting("FS_STEPS", 8000)));
}
END_TEST

START_TEST(agrees_with_crashes_at_calls_of_the_block_service)
{
    prepare(_i, 100, "48M");
    host_plan.crash_every_calls = 20;
    finish(exerciser_run(setting("FS_STEPS", 8000)));
    ck_assert_uint_gt(host_counts.crashes, 20);
}
END_TEST

START_TEST(agrees_with_crashes_after_any_instruction)
{
    prepare(_i, 200, "48M");
    host_plan.crash_every_blocks = setting("FS_EVERY", 20000);
    finish(exerciser_run(setting("FS_STEPS", 3000)));
    ck_assert_uint_gt(host_counts.crashes, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fs_exerciser");
    TCase *tests = tcase_create("exerciser");

    tcase_add_loop_test(tests, agrees_without_crashes, 0, 6);
    tcase_add_loop_test(tests, agrees_with_crashes_at_calls_of_the_block_service, 0, 6);
    tcase_set_timeout(tests, 1200);
    suite_add_tcase(suite, tests);
    tests = tcase_create("instructions");
    tcase_add_loop_test(tests, agrees_with_crashes_after_any_instruction, 0, 6);
    tcase_set_timeout(tests, 1200);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
