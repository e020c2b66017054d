/* SPDX-License-Identifier: MIT */
/*
 * Power cuts at every write to the disk: e2fsck -fp repairs (exit 0 or 1), e2fsck -fn then finds nothing, and the tree is the
 * one that was there after some operation, none before the last fsync that returned.
 */
/* sources: tests/unit/fs_host/ servers/common/recover.c servers/fs/ */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/posix_errno.h"
#include "fs_host/fs_calls.h"
#include "fs_host/fs_disk.h"
#include "fs_host/fs_host.h"
#include "suite.h"

#define STEPS   100
#define NAMES   12
#define CALLS   (STEPS * 8)

static char image[128];
static uint64_t history[CALLS]; /* the tree after so many changing calls, as a number */
static uint64_t calls_done;
static uint64_t calls_synced;   /* of them, those before the last fsync that returned */
static bool recording;

/* ---- The tree as a number ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, const void *bytes, uint64_t count)
{
    const uint8_t *byte = bytes;

    for (uint64_t index = 0; index < count; index++) {
        hash = mix(hash, byte[index]);
    }
    return hash;
}

static uint64_t hash_file(const char *path)
{
    static uint8_t data[65536];
    int64_t handle = fs_open(1, path, 0, 0);
    uint64_t hash = 1;
    int64_t count;

    ck_assert_int_ge(handle, 0);
    while ((count = fs_read(1, handle, data, sizeof(data))) > 0) {
        hash = mix_bytes(hash, data, (uint64_t)count);
    }
    ck_assert_int_eq(count, 0);
    fs_close(1, handle);
    return hash;
}

/* Sum over the entries, so that their order in the directory does not matter. */
static uint64_t hash_tree(const char *path)
{
    uint8_t entries[4096];
    int64_t handle = fs_open(1, path, FS_O_DIRECTORY, 0);
    uint64_t hash = 7;
    int64_t count;

    ck_assert_int_ge(handle, 0);
    while ((count = fs_handle_call(1, FS_READDIR, handle, 0, 0)) > 0) {
        uint32_t offset = 0;

        memcpy(entries, host_reply.message, sizeof(entries));
        for (int64_t index = 0; index < count; index++) {
            const struct fs_dirent *entry = (struct fs_dirent *)(entries + offset);
            const char *name = (const char *)(entry + 1);
            char below[1024];
            struct fs_stat stat;
            uint64_t here;

            offset += entry->record_bytes;
            if (name[0] == '.') {
                continue;
            }
            snprintf(below, sizeof(below), "%s/%.*s", path, entry->name_bytes, name);
            ck_assert_int_eq(fs_stat(1, below, true, &stat), 0);
            here = mix(mix_bytes(3, name, entry->name_bytes), stat.mode);
            here = mix(here, stat.links);
            here = mix(here, (stat.mode & FS_MODE_TYPE_MASK) == FS_MODE_DIRECTORY ? hash_tree(below) : hash_file(below));
            hash += here;
        }
    }
    ck_assert_int_eq(count, 0);
    fs_close(1, handle);
    return hash;
}

/* ---- The workload ---- */

/* A call that may have changed the tree is over. */
static void done(void)
{
    calls_done++;
    ck_assert_uint_lt(calls_done, CALLS);
    if (recording) {
        history[calls_done] = hash_tree("/.");
    }
}

static void random_name(char *to)
{
    static const char *const directories[] = {"", "p/", "q/", "p/r/", "q/s/"};

    sprintf(to, "/%sn%lu", directories[host_below(5)], (unsigned long)host_below(NAMES));
}

static void make_file(const char *path)
{
    static uint8_t data[30000];
    int64_t handle = fs_open(0, path, FS_O_CREATE | FS_O_EXCLUSIVE | FS_O_WRITE_ONLY, 0644);
    uint32_t bytes = 1 + (uint32_t)host_below(sizeof(data) - 1);

    done();
    for (uint32_t index = 0; index < bytes; index++) {
        data[index] = (uint8_t)host_random();
    }
    if (handle >= 0) {
        ck_assert_int_eq(fs_write(0, handle, data, bytes), bytes);
        done();
        fs_close(0, handle);
    }
}

static void make_directories(const char *path)
{
    fs_path(0, FS_MKDIR, host_below(2) ? "/p" : "/q", 0755, 0, 0);
    done();
    fs_path(0, FS_MKDIR, host_below(2) ? "/p/r" : "/q/s", 0755, 0, 0);
    done();
    fs_path(0, FS_MKDIR, path, 0700, 0, 0);
    done();
}

static void synchronise(void)
{
    int64_t handle = fs_open(0, "/", 0, 0);

    ck_assert_int_ge(handle, 0);
    ck_assert_int_eq(fs_handle_call(0, FS_FSYNC, handle, 0, 0), 0);
    calls_synced = calls_done;
    fs_close(0, handle);
}

static void one_step(void)
{
    char path[100];
    char other[100];

    random_name(path);
    random_name(other);
    switch (host_below(12)) {
    case 0:
    case 1:
    case 2:
        make_file(path);
        break;
    case 3:
    case 4:
    case 5:
        fs_paths(0, FS_RENAME, path, other);
        break;
    case 6:
        fs_path(0, FS_UNLINK, path, 0, 0, 0);
        break;
    case 7:
    case 8:
        make_directories(path);
        break;
    case 9:
        fs_path(0, FS_RMDIR, path, 0, 0, 0);
        break;
    case 10:
        fs_paths(0, FS_LINK, path, other);
        break;
    default:
        synchronise();
        break;
    }
    done();
}

static void run_workload(uint64_t seed)
{
    host_start(image);
    host_seed(seed);
    calls_done = 0;
    calls_synced = 0;
    if (recording) {
        history[0] = hash_tree("/.");
    }
    for (uint64_t step = 0; step < STEPS; step++) {
        one_step();
    }
    fs_simple(0, FS_SYNC);
    calls_synced = calls_done;
}

/* The image after a power cut: repaired by e2fsck, clean then, and a state that the tree had. */
static void check_disk(uint64_t write)
{
    uint64_t found;
    uint64_t state;
    int status;

    host_save(image);
    status = host_run("e2fsck -fp %s >%s.log 2>&1", image, image);
    if (status > 1) {
        host_run("cat %s.log", image);
    }
    ck_assert_msg(status <= 1, "cut at write %lu: e2fsck -fp exits with %d", write, status);
    status = host_run("e2fsck -fn %s >%s.log 2>&1", image, image);
    ck_assert_msg(status == 0, "cut at write %lu: e2fsck -fn exits with %d", write, status);
    host_start(image);
    found = hash_tree("/.");
    for (state = calls_synced; state <= calls_done + 1 && history[state] != found; state++) {
    }
    ck_assert_msg(state <= calls_done + 1, "cut at write %lu: not a state between call %lu and %lu", write, calls_synced,
                  calls_done);
}

static void make_image(int number)
{
    snprintf(image, sizeof(image), "/tmp/fs-power.%d.img", getpid());
    ck_assert_int_eq(host_run("mke2fs -q -F -t ext2 -b %u %s 4M >/dev/null 2>&1; cp %s %s.new", 1024u << number, image,
                              image, image),
                     0);
}

static void cut_everywhere(uint64_t seed, uint64_t crash_every_calls)
{
    volatile uint64_t writes;
    volatile uint64_t write;

    recording = true;
    host_plan = (struct host_plan){0};
    run_workload(seed);
    writes = host_counts.disk_writes;
    recording = false;
    ck_assert_uint_gt(writes, 50);
    for (write = 1; write <= writes; write++) {
        ck_assert_int_eq(host_run("cp %s.new %s", image, image), 0);
        host_plan = (struct host_plan){.power_cut_at_write = write, .crash_every_calls = crash_every_calls};
        if (sigsetjmp(host_power_cut, 1) == 0) {
            run_workload(seed);
        }
        host_plan = (struct host_plan){0};
        check_disk(write);
    }
    host_run("rm -f %s*", image);
}

START_TEST(any_write_may_be_the_last)
{
    make_image(_i);
    cut_everywhere(11 + (uint64_t)_i, 0);
}
END_TEST

START_TEST(any_write_may_be_the_last_for_our_own_mount_too)
{
    uint64_t found = 0;

    make_image(2);
    recording = true;
    run_workload(5);
    recording = false;
    for (volatile uint64_t write = 1; write < 200; write += 3) {
        uint64_t state;

        ck_assert_int_eq(host_run("cp %s.new %s", image, image), 0);
        host_plan = (struct host_plan){.power_cut_at_write = write};
        if (sigsetjmp(host_power_cut, 1) == 0) {
            run_workload(5);
        }
        host_plan = (struct host_plan){0};
        host_restart();
        found = hash_tree("/.");
        for (state = calls_synced; state <= calls_done + 1 && history[state] != found; state++) {
        }
        ck_assert_uint_le(state, calls_done + 1);
        ck_assert_int_eq(fs_simple(0, FS_UNMOUNT), 0);
        host_save(image);
        ck_assert_int_le(host_run("e2fsck -fp %s >/dev/null 2>&1", image), 1);
    }
    host_run("rm -f %s*", image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fs_power");
    TCase *tests = tcase_create("power");

    tcase_add_loop_test(tests, any_write_may_be_the_last, 0, 3);
    tcase_add_test(tests, any_write_may_be_the_last_for_our_own_mount_too);
    tcase_set_timeout(tests, 1200);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
