/* SPDX-License-Identifier: MIT */
/* Disks to begin with. Rule: fs_images.h; the same each time. */
#include "tests/fuzz/fs_images.h"

#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/fs_host/fs_calls.h"
#include "tests/unit/fs_host/fs_disk.h"
#include "tests/unit/fs_host/fs_host.h"

#define SECTOR_BYTES 512
#define CONTENT 0x7e /* what files hold, so that it is not taken for structure */
#define LARGE_BYTES 300000
#define SUPERBLOCK_FEATURES (1024 + 96)
#define FEATURE_RECOVER 4

struct fs_image fs_images[FS_IMAGES];

const char *const fs_paths_known[FS_PATHS] = {"/", "/a", "/a/file", "/a/b", "/a/b/deep", "/large", "/link", "/fast", "/slow",
                                              "/many", "/new", "/a/b/new"};

static const struct {
    uint32_t block_bytes, kibibytes;
} shapes[FS_IMAGES] = {{1024, 1024}, {4096, 2048}, {1024, 1024}};

static uint8_t content[LARGE_BYTES];

static void must(int64_t result)
{
    fuzz_must(result >= 0);
}

static void put(const char *path, uint32_t bytes, uint64_t offset)
{
    int64_t handle = fs_open(0, path, FS_O_CREATE | FS_O_WRITE_ONLY, 0644);

    must(handle);
    for (uint32_t done = 0; done < bytes;) {
        uint32_t part = bytes - done < 65536 ? bytes - done : 65536;

        must(fs_pwrite(0, handle, content + done, part, offset + done));
        done += part;
    }
    must(fs_close(0, handle));
}

/* A call that is done again as long as it says so is one call (host_call). */
static void fill(void)
{
    must(fs_path(0, FS_MKDIR, "/a", 0755, 0, 0));
    must(fs_path(0, FS_MKDIR, "/a/b", 0755, 0, 0));
    must(fs_path(0, FS_MKDIR, "/many", 0755, 0, 0));
    put("/a/file", 100, 0);
    put("/a/b/deep", 5000, 0);
    put("/large", LARGE_BYTES, 0);
    put("/hole", 10, 200000);
    must(fs_paths(0, FS_LINK, "/a/file", "/link"));
    must(fs_paths(0, FS_SYMLINK, "a/file", "/fast"));
    must(fs_paths(0, FS_SYMLINK, "/a/./././././././././././././././././././././././././././././././././file", "/slow"));
    for (char name[] = "/many/name-that-is-long-0"; name[sizeof name - 2] < '0' + 40; name[sizeof name - 2]++) {
        put(name, 0, 0);
    }
}

/* The disk as it is while a journal waits: cut at one write after the other, until it is so. */
static int cut_with_journal(const char *path, uint64_t write)
{
    uint8_t *disk;
    size_t bytes;

    host_start(path);
    if (sigsetjmp(host_power_cut, 1) == 0) {
        host_plan.power_cut_at_write = write;
        fill();
        fs_simple(0, FS_SYNC);
    }
    host_plan.power_cut_at_write = 0;
    disk = host_disk(&bytes);
    return disk[SUPERBLOCK_FEATURES] & FEATURE_RECOVER;
}

static void keep(struct fs_image *image)
{
    uint8_t *disk = host_disk(&image->size);

    image->bytes = malloc(image->size);
    image->sectors = malloc(image->size / SECTOR_BYTES * sizeof *image->sectors);
    memcpy(image->bytes, disk, image->size);
    for (uint32_t sector = 0; sector < image->size / SECTOR_BYTES; sector++) {
        const uint8_t *at = disk + sector * SECTOR_BYTES;
        size_t ordinary = 0;

        while (ordinary < SECTOR_BYTES && (at[ordinary] == 0 || at[ordinary] == CONTENT)) {
            ordinary++;
        }
        if (ordinary < SECTOR_BYTES) {
            image->sectors[image->sector_count++] = sector;
        }
    }
}

void fs_images_make(void)
{
    char path[64];

    memset(content, CONTENT, sizeof content);
    snprintf(path, sizeof path, "/tmp/perdure-fuzz.%d.img", getpid());
    for (unsigned index = 0; index < FS_IMAGES; index++) {
        host_seed(1);
        fuzz_must(host_run("PATH=$PATH:/sbin:/usr/sbin; rm -f %s; E2FSPROGS_FAKE_TIME=1700000000 mke2fs -q -F -t ext2 -b %u "
                           "-N 128 -U 70657264-7572-6500-0000-000000000001 -E hash_seed="
                           "70657264-7572-6500-0000-000000000002,root_owner=0:0 %s %uk >/dev/null",
                           path, shapes[index].block_bytes, path, shapes[index].kibibytes) == 0);
        if (index == 2) {
            uint64_t write = 1;

            while (!cut_with_journal(path, write)) {
                fuzz_must(++write < 10000);
            }
        } else {
            host_start(path);
            fill();
            must(fs_simple(0, FS_SYNC));
        }
        keep(&fs_images[index]);
        unlink(path);
    }
}
