/* SPDX-License-Identifier: MIT */
/*
 * Damaged disks: some numbers in the structures of an ext2 volume are changed, also of one whose journal waits for its replay;
 * then it is mounted and used. Every call must end, with an answer; the server must not give up. Where damage makes one block
 * serve as two, an operation can differ from itself when it is done twice: such a request is dropped as poison, and the rest
 * goes on.
 */
/* sources: tests/unit/fs_host/ tests/fuzz/fs_images.c servers/common/recover.c servers/fs/ */
/* runs: 500 */
#include <string.h>

#include "tests/fuzz/fs_images.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fs_host/fs_calls.h"
#include "tests/unit/fs_host/fs_host.h"

#define PATCHES 8
#define CALLS 24
#define SECTOR_BYTES 512

static uint8_t *patched;

/* A number of 1, 2 or 4 bytes anywhere in the structures becomes another: a small one, a large one, or off by a bit. */
static void patch(struct fuzz_input *input, const struct fs_image *image)
{
    uint32_t sector = image->sectors[fuzz_take(input, 2) % image->sector_count];
    unsigned how = (unsigned)fuzz_take(input, 1), width = 1u << how % 3;
    uint8_t *at = patched + (uint64_t)sector * SECTOR_BYTES + fuzz_take(input, 2) % (SECTOR_BYTES / width) * width;
    uint64_t value = 0;

    memcpy(&value, at, width);
    switch (how >> 2 & 3) {
    case 0:
        value = fuzz_take(input, width);
        break;
    case 1:
        value ^= 1ull << fuzz_take(input, 1) % 32;
        break;
    case 2:
        value += fuzz_take(input, 1) - 128;
        break;
    default:
        value = UINT64_MAX >> fuzz_take(input, 1) % 40;
    }
    memcpy(at, &value, width);
}

static void read_file(const char *path)
{
    static uint8_t data[65536];
    int64_t handle = fs_open(0, path, 0, 0);

    for (unsigned part = 0; handle >= 0 && part < 8 && fs_read(0, handle, data, sizeof data) > 0; part++) {
    }
    if (handle >= 0) {
        fs_close(0, handle);
    }
}

static void list(const char *path)
{
    int64_t handle = fs_open(0, path, FS_O_DIRECTORY, 0);

    for (unsigned part = 0; handle >= 0 && part < 64 && fs_handle_call(0, FS_READDIR, handle, 0, 0) > 0; part++) {
    }
    if (handle >= 0) {
        fs_close(0, handle);
    }
}

static void write_file(const char *path, uint64_t word)
{
    static const uint8_t data[3000];
    int64_t handle = fs_open(0, path, FS_O_CREATE | FS_O_READ_WRITE, 0644);

    if (handle >= 0) {
        fs_pwrite(0, handle, data, 1 + word % sizeof data, word * 401);
        fs_close(0, handle);
    }
}

static void call(struct fuzz_input *input)
{
    unsigned what = (unsigned)fuzz_take(input, 1);
    const char *path = fs_paths_known[fuzz_take(input, 1) % FS_PATHS];
    uint64_t word = fuzz_take(input, 2);
    struct fs_stat stat;

    switch (what % 14) {
    case 0:
        fs_stat(0, path, word & 1, &stat);
        break;
    case 1:
        read_file(path);
        break;
    case 2:
        list(path);
        break;
    case 3:
        write_file(path, word);
        break;
    case 4:
        fs_path(0, FS_UNLINK, path, 0, 0, 0);
        break;
    case 5:
        fs_path(0, FS_MKDIR, path, 0755, 0, 0);
        break;
    case 6:
        fs_path(0, FS_RMDIR, path, 0, 0, 0);
        break;
    case 7:
        fs_paths(0, FS_RENAME, path, fs_paths_known[word % FS_PATHS]);
        break;
    case 8:
        fs_paths(0, FS_LINK, path, fs_paths_known[word % FS_PATHS]);
        break;
    case 9:
        fs_paths(0, FS_SYMLINK, path, fs_paths_known[word % FS_PATHS]);
        break;
    case 10:
        fs_path(0, FS_TRUNCATE, path, word * 13, 0, 0);
        break;
    case 11:
        fs_simple(0, FS_SYNC);
        break;
    case 12:
        fs_simple(0, FS_AUDIT);
        break;
    default:
        host_crash_now();
    }
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
    struct fuzz_input input = {data, bytes};
    const struct fs_image *image = &fs_images[fuzz_take(&input, 1) % FS_IMAGES];
    unsigned patches = (unsigned)fuzz_take(&input, 1) % PATCHES;

    memcpy(patched, image->bytes, image->size);
    while (patches--) {
        patch(&input, image);
    }
    host_seed(1);
    host_plan.poison_after = 6; /* three of doubt, which come to an end by themselves, and three that are alike */
    host_start_with(patched, image->size);
    for (unsigned calls = 0; calls < CALLS && input.bytes; calls++) {
        call(&input);
    }
    host_unbind(0);
}

void fuzz_begin(void)
{
    size_t largest = 0;

    fs_images_make();
    for (unsigned index = 0; index < FS_IMAGES; index++) {
        largest = fs_images[index].size > largest ? fs_images[index].size : largest;
    }
    patched = malloc(largest);
}

/* Every call on every path of an undamaged disk, then with a patch in each part of the structures. */
size_t fuzz_seed(unsigned index, uint8_t *room)
{
    size_t bytes = 0;

    if (index >= 60) {
        return 0;
    }
    room[bytes++] = (uint8_t)index;
    room[bytes++] = (uint8_t)(index / 3 % 4);
    for (unsigned number = 0; number < index / 3 % 4; number++) {
        const uint8_t one[] = {(uint8_t)(index * 7 + number), 0, (uint8_t)(index + number * 4), (uint8_t)(index * 11), 0, 7};

        memcpy(room + bytes, one, sizeof one);
        bytes += sizeof one;
    }
    for (unsigned number = 0; number < CALLS; number++) {
        const uint8_t one[] = {(uint8_t)(number + index), (uint8_t)(number * 5 + index / 2), (uint8_t)(number * 3 + index), 1};

        memcpy(room + bytes, one, sizeof one);
        bytes += sizeof one;
    }
    return bytes;
}
