/* SPDX-License-Identifier: MIT */
/*
 * A crash at any point of a workload, chosen by number, changes nothing: every reply, the tree and the disk are what they are
 * without it. FS_POINTS in the environment makes more points, FS_BLOCK tries one.
 */
/* sources: tests/unit/fs_host/ servers/common/recover.c servers/fs/ */
/* flags: -fsanitize-coverage=trace-pc */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_host/fs_calls.h"
#include "fs_host/fs_disk.h"
#include "fs_host/fs_host.h"
#include "suite.h"

static char image[128];
static uint8_t *blank;
static size_t blank_bytes;
static uint8_t data[200000];
static uint64_t transcript; /* everything that clients were told */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);

    return value != NULL ? strtoull(value, NULL, 0) : otherwise;
}

static void told(const void *bytes, size_t count)
{
    const uint8_t *byte = bytes;

    for (size_t index = 0; index < count; index++) {
        transcript = (transcript ^ byte[index]) * 0x100000001b3u;
    }
}

static int64_t answered(int64_t result)
{
    told(&result, sizeof(result));
    return result;
}

/* ---- The workload: something of everything, with two drains and an inode that is freed in steps ---- */

static void write_file(uint32_t client, const char *path, uint32_t bytes, uint32_t from)
{
    int64_t handle = answered(fs_open(client, path, FS_O_CREATE | FS_O_READ_WRITE, 0644));

    for (uint32_t done = 0; done < bytes; done += 50000) {
        uint32_t count = bytes - done < 50000 ? bytes - done : 50000;

        answered(fs_write(client, handle, data + from + done, count));
    }
    answered(fs_close(client, handle));
}

static void read_file(uint32_t client, const char *path)
{
    static uint8_t to[60000];
    int64_t handle = answered(fs_open(client, path, 0, 0));
    int64_t count;

    while ((count = answered(fs_read(client, handle, to, sizeof(to)))) > 0) {
        told(to, (size_t)count);
    }
    answered(fs_close(client, handle));
}

static void list(uint32_t client, const char *path)
{
    int64_t handle = answered(fs_open(client, path, 0, 0));

    while (answered(fs_handle_call(client, FS_READDIR, handle, 0, 0)) > 0) {
        told(host_reply.message, host_reply.bytes);
    }
    answered(fs_close(client, handle));
}

static void describe(uint32_t client, const char *path)
{
    struct fs_stat stat;

    if (answered(fs_stat(client, path, true, &stat)) == 0) {
        uint64_t seen[] = {stat.inode, stat.mode, stat.links, stat.size, stat.blocks512};

        told(seen, sizeof(seen));
    }
}

static void change_names(void)
{
    answered(fs_path(0, FS_MKDIR, "/d", 0755, 0, 0));
    answered(fs_path(0, FS_MKDIR, "/d/e", 0755, 0, 0));
    write_file(0, "/d/one", 150000, 0);
    write_file(1, "/d/two", 3000, 5);
    answered(fs_paths(0, FS_RENAME, "/d/two", "/d/e/three"));
    answered(fs_paths(1, FS_LINK, "/d/one", "/four"));
    answered(fs_paths(1, FS_SYMLINK, "d/e", "/five"));
    describe(0, "/five/three");
    answered(fs_path(1, FS_CHDIR, "/d/e", 0, 0, 0));
    answered(fs_path(0, FS_UNLINK, "/nothing", 0, 0, 0));
    answered(fs_paths(0, FS_RENAME, "/d/one", "/d/e/three"));
    list(1, ".");
}

static void change_data(void)
{
    int64_t handle = answered(fs_open(0, "/four", FS_O_READ_WRITE, 0));

    answered(fs_pwrite(0, handle, data + 77, 60000, 12345));
    answered(fs_pwrite(0, handle, data + 9, 100, 4000));
    answered(fs_handle_call(0, FS_FSYNC, handle, 0, 0));
    answered(fs_handle_call(0, FS_FTRUNCATE, handle, 70001, 0));
    answered(fs_pwrite(0, handle, data + 1, 5, 5000000));
    answered(fs_path(1, FS_UNLINK, "/four", 0, 0, 0));
    answered(fs_path(1, FS_UNLINK, "/d/e/three", 0, 0, 0));
    answered(fs_pread(0, handle, data, 3, 70000));
    answered(fs_close(0, handle));
    write_file(1, "seven", 20000, 3);
    read_file(0, "/d/e/seven");
}

static void end_it(void)
{
    answered(fs_path(0, FS_RMDIR, "/d", 0, 0, 0));
    list(0, "/");
    describe(0, "/d/e/seven");
    host_unbind(1);
    answered(fs_simple(0, FS_SYNC));
    read_file(0, "/d/e/seven");
    ck_assert_int_eq(fs_simple(0, FS_AUDIT), 0);
    answered(fs_simple(0, FS_UNMOUNT));
}

static void run_workload(void)
{
    size_t bytes;

    transcript = 1;
    memset(&host_counts, 0, sizeof(host_counts));
    memcpy(host_disk(&bytes), blank, blank_bytes);
    for (uint32_t index = 0; index < sizeof(data); index++) {
        data[index] = (uint8_t)(index * 2654435761u >> 13);
    }
    host_restart();
    change_names();
    change_data();
    end_it();
}

static void make_blank(uint32_t block_bytes)
{
    uint8_t *disk;

    snprintf(image, sizeof(image), "/tmp/fs-crash.%d.img", getpid());
    ck_assert_int_eq(host_run("rm -f %s; mke2fs -q -F -t ext2 -b %u %s 4M >/dev/null", image, block_bytes, image), 0);
    host_start(image);
    disk = host_disk(&blank_bytes);
    blank = malloc(blank_bytes);
    ck_assert_ptr_nonnull(blank);
    memcpy(blank, disk, blank_bytes);
}

static void check_disk(uint64_t block)
{
    host_save(image);
    ck_assert_msg(host_run("e2fsck -fn %s >/dev/null 2>&1", image) == 0, "crash at block %lu: e2fsck", block);
}

/* How many crashes it came to: the end of a call may come first. Each second time there is another one soon. */
static uint64_t crash_at(uint64_t block, uint64_t expected)
{
    host_seed(block);
    host_plan = (struct host_plan){.crash_at_block = block, .crash_steps = (uint32_t)host_below(30),
                                   .crash_again_blocks = host_below(2) * host_below(9000)};
    run_workload();
    host_plan = (struct host_plan){0};
    ck_assert_msg(transcript == expected, "crash at block %lu: a client was told something else", block);
    if (host_below(8) == 0) {
        check_disk(block);
    }
    return host_counts.crashes + host_counts.crashes_in_recovery;
}

START_TEST(changes_nothing)
{
    uint64_t points = setting("FS_POINTS", 400);
    uint64_t only = setting("FS_BLOCK", 0);
    uint64_t crashes = 0;
    uint64_t expected;
    uint64_t blocks;

    make_blank(1024u << _i);
    run_workload();
    check_disk(0);
    expected = transcript;
    blocks = host_counts.blocks;
    ck_assert_uint_gt(blocks, 10000);
    for (uint64_t point = 0; point < points; point++) {
        uint64_t first = blocks * point / points;

        host_seed(first + 1);
        crashes += crash_at(only != 0 ? only : 1 + first + host_below(blocks / points), expected);
    }
    ck_assert_uint_gt(crashes, points);
    check_disk(blocks);
    free(blank);
    host_run("rm -f %s*", image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fs_crash");
    TCase *tests = tcase_create("crash");

    tcase_add_loop_test(tests, changes_nothing, 0, 3);
    tcase_set_timeout(tests, 2400);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
