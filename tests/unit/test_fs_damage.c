/* SPDX-License-Identifier: MIT */
/* What becomes of damage in the log: mended from a copy, or exactly that is lost which was damaged, and fs goes on. */
/* sources: tests/unit/fs_host/ servers/common/recover.c servers/fs/ */
#define _GNU_SOURCE 1
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/kernel.h"
#include "abi/posix_errno.h"
#include "fs_host/fs_calls.h"
#include "fs_host/fs_disk.h"
#include "fs_host/fs_host.h"
#include "suite.h"

#define OUTBOX_BYTES  (2u << 20)
#define HEADERS_BYTES (2 * 1024 * 32) /* of a half: the table of headers and its copy */

static char image[128];
static uint8_t data[4 * 4096];
static uint8_t got[4 * 4096];

static void start(void)
{
    snprintf(image, sizeof(image), "/tmp/fs-damage.%d.img", getpid());
    host_seed(1);
    ck_assert_int_eq(host_run("rm -f %s; mke2fs -q -F -t ext2 -b 4096 %s 16M >/dev/null", image, image), 0);
    host_start(image);
    for (uint32_t index = 0; index < sizeof(data); index++) {
        data[index] = (uint8_t)host_random();
    }
    ck_assert_int_eq(fs_path(0, FS_MKDIR, "/here", 0755, 0, 0), 0);
    ck_assert_int_eq(fs_path(0, FS_MKDIR, "/there", 0755, 0, 0), 0);
    ck_assert_int_eq(fs_simple(0, FS_SYNC), 0);
}

static int64_t write_file(const char *path, uint32_t bytes)
{
    int64_t handle = fs_open(0, path, FS_O_CREATE | FS_O_WRITE_ONLY, 0644);
    int64_t result = handle < 0 ? handle : fs_write(0, handle, data, bytes);

    if (handle >= 0) {
        fs_close(0, handle);
    }
    return result;
}

static int64_t read_part(const char *path, uint32_t offset, uint32_t bytes)
{
    int64_t handle = fs_open(0, path, 0, 0);
    int64_t result = handle < 0 ? handle : fs_pread(0, handle, got, bytes, offset);

    if (handle >= 0) {
        fs_close(0, handle);
    }
    return result;
}

/* Flip a bit in each of the first `most` places of the outbox that hold these bytes; how many there were. */
static uint32_t damage(const void *bytes, size_t count, uint32_t most)
{
    uint8_t *outbox = (uint8_t *)WINDOW_OUTBOX;
    uint8_t *end = outbox + OUTBOX_BYTES;
    uint32_t found = 0;

    for (uint8_t *at = outbox; found < most && (at = memmem(at, (size_t)(end - at), bytes, count)) != NULL; at += count) {
        at[0] ^= 0x10;
        found++;
    }
    return found;
}

/* Unmount; what e2fsck -fy says (0 nothing, 1 repaired), and nothing after that. */
static int end(void)
{
    int status;

    ck_assert_int_eq(fs_simple(0, FS_UNMOUNT), 0);
    host_save(image);
    status = host_run("e2fsck -fy %s >/dev/null 2>&1", image);
    ck_assert_int_eq(host_run("e2fsck -fn %s >/dev/null 2>&1", image), 0);
    host_run("rm -f %s", image);
    return status;
}

START_TEST(a_short_change_is_mended_from_its_copy)
{
    start();
    ck_assert_int_eq(write_file("/here/a", 4096), 4096);
    ck_assert_int_eq(fs_simple(0, FS_SYNC), 0);
    data[50] ^= 0xff;
    ck_assert_int_eq(write_file("/here/a", 100), 100);
    ck_assert_uint_eq(damage(data, 100, 1), 1);
    host_crash_now();
    ck_assert_int_eq(read_part("/here/a", 0, 4096), 4096);
    ck_assert_mem_eq(got, data, 4096);
    ck_assert_int_eq(fs_simple(0, FS_AUDIT), 0);
    ck_assert_int_eq(end(), 0);
}
END_TEST

START_TEST(metadata_is_mended_from_its_copy)
{
    start();
    ck_assert_int_eq(write_file("/here/the-name", 100), 100);
    ck_assert_uint_eq(damage("the-name", 8, 1), 1);
    host_crash_now();
    ck_assert_int_eq(read_part("/here/the-name", 0, 100), 100);
    ck_assert_int_eq(end(), 0);
}
END_TEST

START_TEST(headers_are_mended_from_their_copies)
{
    uint8_t *outbox = (uint8_t *)WINDOW_OUTBOX;

    start();
    ck_assert_int_eq(write_file("/here/a", sizeof(data)), sizeof(data));
    memset(outbox, 0x77, HEADERS_BYTES / 2);
    memset(outbox + OUTBOX_BYTES / 2, 0x77, HEADERS_BYTES / 2);
    host_crash_now();
    ck_assert_int_eq(read_part("/here/a", 0, sizeof(data)), sizeof(data));
    ck_assert_mem_eq(got, data, sizeof(data));
    ck_assert_int_eq(end(), 0);
}
END_TEST

START_TEST(contents_that_are_lost_are_an_error_there_alone)
{
    start();
    ck_assert_int_eq(write_file("/here/a", sizeof(data)), sizeof(data));
    ck_assert_int_eq(write_file("/here/b", 5000), 5000);
    ck_assert_uint_eq(damage(data + 2 * 4096, 64, 9), 1);
    host_crash_now();
    ck_assert_int_eq(read_part("/here/a", 0, 8192), 8192);
    ck_assert_mem_eq(got, data, 8192);
    ck_assert_int_eq(read_part("/here/a", 8192, 10), -PE_IO);
    ck_assert_int_eq(read_part("/here/a", 12288, 4096), 4096);
    ck_assert_int_eq(read_part("/here/b", 0, 5000), 5000);
    ck_assert_mem_eq(got, data, 5000);
    ck_assert_int_eq(write_file("/there/c", 5000), 5000);
    if (_i == 0) {
        ck_assert_int_eq(fs_simple(0, FS_SYNC), -PE_IO); /* not all that was written is on the disk */
    } else {
        ck_assert_int_eq(write_file("/here/a", sizeof(data)), sizeof(data));
        ck_assert_int_eq(read_part("/here/a", 0, sizeof(data)), sizeof(data));
        ck_assert_mem_eq(got, data, sizeof(data));
    }
    ck_assert_int_eq(fs_simple(0, FS_SYNC), 0);
    host_crash_now();
    ck_assert_int_eq(read_part("/there/c", 0, 5000), 5000);
    ck_assert_int_eq(end(), 0);
}
END_TEST

START_TEST(metadata_that_is_lost_ends_all_changes)
{
    start();
    ck_assert_int_eq(write_file("/there/b", 5000), 5000);
    ck_assert_int_eq(write_file("/here/the-name", 100), 100);
    ck_assert_uint_ge(damage("the-name", 8, 99), 2);
    host_crash_now();
    ck_assert_int_eq(read_part("/here/the-name", 0, 100), -PE_IO);
    ck_assert_int_eq(read_part("/there/b", 0, 5000), 5000);
    ck_assert_mem_eq(got, data, 5000);
    ck_assert_int_eq(write_file("/there/c", 10), -PE_ROFS);
    ck_assert_int_eq(fs_path(0, FS_UNLINK, "/there/b", 0, 0, 0), -PE_ROFS);
    host_crash_now();
    ck_assert_int_eq(write_file("/there/c", 10), -PE_ROFS);
    ck_assert_int_eq(read_part("/there/b", 0, 5000), 5000);
    ck_assert_int_eq(fs_simple(0, FS_SYNC), -PE_IO);
    ck_assert_int_eq(read_part("/there/b", 0, 5000), 5000);
    ck_assert_int_eq(end(), 1); /* the file without a name goes to lost+found */
}
END_TEST

START_TEST(records_that_nobody_knows_end_all_changes)
{
    uint8_t *outbox = (uint8_t *)WINDOW_OUTBOX;

    start();
    ck_assert_int_eq(write_file("/there/b", 5000), 5000);
    for (uint32_t half = 0; half < 2; half++) {
        for (uint32_t copy = 0; copy < 2; copy++) {
            outbox[half * (OUTBOX_BYTES / 2) + copy * (HEADERS_BYTES / 2) + 5] ^= 1;
        }
    }
    host_crash_now();
    ck_assert_int_eq(write_file("/there/c", 10), -PE_ROFS);
    ck_assert_int_eq(fs_path(0, FS_MKDIR, "/new", 0755, 0, 0), -PE_ROFS);
    ck_assert_int_eq(fs_simple(0, FS_SYNC), -PE_IO);
    ck_assert_int_eq(fs_simple(0, FS_UNMOUNT), 0);
    host_run("rm -f %s", image);
}
END_TEST

/* Each call ends with an answer, whether the disk fails where contents, the journal or the rest is written. */
START_TEST(a_disk_that_fails_is_an_error_and_no_endless_wait)
{
    int64_t result = 0;

    start();
    host_plan.panics_allowed = true; /* of doubt: the first time nobody believes it */
    ck_assert_int_eq(fs_path(0, FS_MKDIR, "/new", 0755, 0, 0), 0);
    host_plan.disk_error_every = 1;
    ck_assert_int_eq(fs_simple(0, FS_SYNC), -PE_IO);
    for (uint32_t number = 0; result == 0 && number < 5000; number++) {
        result = fs_path(0, FS_CHMOD, "/new", number % 512, 0, 0); /* until the log is full */
    }
    ck_assert_int_eq(result, -PE_IO);
    ck_assert_int_eq(fs_simple(0, FS_SYNC), -PE_IO);
    host_plan.disk_error_every = 0;
    ck_assert_int_eq(fs_simple(0, FS_SYNC), 0);
    ck_assert_int_eq(fs_path(0, FS_RMDIR, "/new", 0, 0, 0), 0);
    host_plan.panics_allowed = false;
    host_run("rm -f %s", image);
}
END_TEST

/* The root's inode says that it is a file: it has no entry anywhere that could be taken away. */
START_TEST(a_root_that_is_no_directory_is_not_unlinked)
{
    uint32_t table;
    size_t bytes;
    uint8_t *disk, *root;

    start();
    ck_assert_int_eq(fs_simple(0, FS_UNMOUNT), 0);
    disk = host_disk(&bytes);
    memcpy(&table, disk + 4096 + 8, sizeof(table));
    root = disk + table * 4096ul + *(uint16_t *)(disk + 1024 + 88);
    root[1] = 0x81; /* the type in the upper half of the mode */
    host_restart();
    ck_assert_int_lt(fs_path(0, FS_UNLINK, "/", 0, 0, 0), 0);
    ck_assert_int_lt(fs_path(0, FS_RMDIR, "/", 0, 0, 0), 0);
    ck_assert_int_lt(fs_paths(0, FS_RENAME, "/", "/new"), 0);
    ck_assert_uint_eq(host_counts.panics, 0);
    host_run("rm -f %s", image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fs_damage");
    TCase *tests = tcase_create("damage");

    tcase_add_test(tests, a_short_change_is_mended_from_its_copy);
    tcase_add_test(tests, metadata_is_mended_from_its_copy);
    tcase_add_test(tests, headers_are_mended_from_their_copies);
    tcase_add_loop_test(tests, contents_that_are_lost_are_an_error_there_alone, 0, 2);
    tcase_add_test(tests, metadata_that_is_lost_ends_all_changes);
    tcase_add_test(tests, records_that_nobody_knows_end_all_changes);
    tcase_add_test(tests, a_root_that_is_no_directory_is_not_unlinked);
    tcase_add_test(tests, a_disk_that_fails_is_an_error_and_no_endless_wait);
    tcase_set_timeout(tests, 600);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
