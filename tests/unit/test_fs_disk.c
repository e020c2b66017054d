/* SPDX-License-Identifier: MIT */
/* What is on the disk in the end is what other readers of ext2 expect. */
/* sources: tests/unit/fs_host/ servers/common/recover.c servers/fs/ */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_host/fs_calls.h"
#include "fs_host/fs_disk.h"
#include "fs_host/fs_host.h"
#include "servers/fs/ext2.h"
#include "servers/fs/fs.h"
#include "suite.h"

#define FIRST_GROUP 1 /* block of the group descriptors; blocks are of 4 KiB */

static char image[128];

static void start(const char *size)
{
    snprintf(image, sizeof(image), "/tmp/fs-disk.%d.img", getpid());
    host_seed(1);
    ck_assert_int_eq(host_run("rm -f %s; mke2fs -q -F -t ext2 -b 4096 %s %s >/dev/null", image, image, size), 0);
    host_start(image);
}

static void make_file(const char *path, uint32_t bytes)
{
    static const uint8_t data[65536];
    int64_t handle = fs_open(0, path, FS_O_CREATE | FS_O_WRITE_ONLY, 0644);

    ck_assert_int_ge(handle, 0);
    ck_assert_int_eq(fs_write(0, handle, data, bytes), bytes);
    ck_assert_int_eq(fs_close(0, handle), 0);
}

/* The inode as it is on the disk. */
static const struct ext2_inode *inode_on_disk(uint32_t number)
{
    size_t bytes;
    const uint8_t *disk = host_disk(&bytes);
    const struct ext2_superblock *superblock = (const struct ext2_superblock *)(disk + EXT2_SUPERBLOCK_OFFSET);
    const struct ext2_group *group = (const struct ext2_group *)(disk + FIRST_GROUP * 4096);

    ck_assert_uint_le(number, superblock->inodes_per_group);
    return (const struct ext2_inode *)(disk + (size_t)group->inode_table * 4096 +
                                       (number - 1) * (size_t)superblock->inode_bytes);
}

/* e2fsck takes a time of deletion below the number of inodes for a link of its list of orphans. */
START_TEST(a_time_of_deletion_is_no_link_of_orphans)
{
    static const uint64_t clocks[] = {1, 2, 0, 1000, 1700000000};
    struct fs_stat stat;

    start("16M");
    host_set_clock(clocks[_i]);
    make_file("/gone", 5000);
    ck_assert_int_eq(fs_stat(0, "/gone", true, &stat), 0);
    ck_assert_int_eq(fs_path(0, FS_UNLINK, "/gone", 0, 0, 0), 0);
    host_set_clock(1700000000); /* a host that sets the clock late: now e2fsck trusts the times */
    ck_assert_int_eq(fs_simple(0, FS_SYNC), 0);
    ck_assert_uint_eq(inode_on_disk((uint32_t)stat.inode)->links, 0);
    ck_assert_uint_ge(inode_on_disk((uint32_t)stat.inode)->dtime, fs.volume.inodes);
    ck_assert_int_eq(fs_simple(0, FS_UNMOUNT), 0);
    host_save(image);
    ck_assert_int_eq(host_run("e2fsck -fn %s >/dev/null 2>&1", image), 0);
    host_run("rm -f %s", image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fs_disk");
    TCase *tests = tcase_create("disk");

    tcase_add_loop_test(tests, a_time_of_deletion_is_no_link_of_orphans, 0, 5);
    tcase_set_timeout(tests, 600);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
