/* SPDX-License-Identifier: MIT */
/*
 * File operations through the C library, on the disk's file system, everything cached.
 *
 * Rule: reads and writes go through a file in order, 4096 bytes a call at a page boundary; going back to its start is
 * not measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/bench/bench.h"

#define DIRECTORY "/bench.directory"
#define FILE_PATH DIRECTORY "/file"
#define NEW_PATH DIRECTORY "/new"
#define BLOCK_BYTES 4096
#define FILE_BLOCKS 128
#define FILE_ITERATIONS 1024
#define NAME_ITERATIONS 512
#define NAME_COUNTED 64

static uint8_t block[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));
static int file = -1;
static const volatile uint8_t *pages; /* the file, mapped */
static uint64_t next_page;

static int read_4k(uint64_t iteration)
{
    (void)iteration;
    return read(file, block, sizeof block) == sizeof block ? 0 : -1;
}

static int write_4k(uint64_t iteration)
{
    (void)iteration;
    return write(file, block, sizeof block) == sizeof block ? 0 : -1;
}

static int rewind_file(uint64_t iteration)
{
    (void)iteration;
    return lseek(file, 0, SEEK_SET) == 0 ? 0 : -1;
}

/* Map the file anew: none of its pages is there. */
static int map_file(uint64_t iteration)
{
    (void)iteration;
    if (pages && munmap((void *)pages, FILE_BLOCKS * BLOCK_BYTES) != 0) {
        return -1;
    }
    pages = mmap(NULL, FILE_BLOCKS * BLOCK_BYTES, PROT_READ, MAP_PRIVATE, file, 0);
    next_page = 0;
    return pages == MAP_FAILED ? -1 : 0;
}

static int touch_page(uint64_t iteration)
{
    (void)iteration;
    return pages[next_page++ * BLOCK_BYTES] == block[0] ? 0 : -1;
}

static int map_file_at_end(uint64_t iteration)
{
    return next_page == FILE_BLOCKS ? map_file(iteration) : 0;
}

/* Back to the start when the end was reached. */
static int rewind_at_end(uint64_t iteration)
{
    return iteration % FILE_BLOCKS == FILE_BLOCKS - 1 ? rewind_file(iteration) : 0;
}

static int open_close(uint64_t iteration)
{
    int fd = open(FILE_PATH, O_RDONLY);

    (void)iteration;
    return fd >= 0 ? close(fd) : -1;
}

static int stat_file(uint64_t iteration)
{
    struct stat status;

    (void)iteration;
    return stat(FILE_PATH, &status);
}

static int create_unlink(uint64_t iteration)
{
    int fd = open(NEW_PATH, O_WRONLY | O_CREAT | O_EXCL, 0644);

    (void)iteration;
    return fd >= 0 && close(fd) == 0 ? unlink(NEW_PATH) : -1;
}

/* The directory and a file of FILE_BLOCKS blocks. */
static int prepare(void)
{
    if (mkdir(DIRECTORY, 0755) != 0 && errno != EEXIST) {
        return bench_failed("files", "making " DIRECTORY " (is there a disk?)");
    }
    file = open(FILE_PATH, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0) {
        return bench_failed("files", "making " FILE_PATH);
    }
    memset(block, 0x5a, sizeof block);
    for (unsigned index = 0; index < FILE_BLOCKS; index++) {
        if (write_4k(index) != 0) {
            return bench_failed("files", "filling " FILE_PATH);
        }
    }
    return 0;
}

int bench_files(const char *wanted)
{
    static const struct bench_row rows[] = {
        {"fs_read_4k", read_4k, rewind_at_end, FILE_ITERATIONS, FILE_BLOCKS, rewind_file},
        {"fs_write_4k", write_4k, rewind_at_end, FILE_ITERATIONS, FILE_BLOCKS, rewind_file},
        {"fault_file", touch_page, map_file_at_end, FILE_ITERATIONS, FILE_BLOCKS, map_file},
        {"fs_open_close", open_close, 0, NAME_ITERATIONS, NAME_COUNTED, 0},
        {"fs_stat", stat_file, 0, NAME_ITERATIONS, NAME_COUNTED, 0},
        {"fs_create_unlink", create_unlink, 0, NAME_ITERATIONS, NAME_COUNTED, 0},
    };
    int failures = 0;

    if (prepare() != 0) {
        return 1;
    }
    for (unsigned index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        if (bench_wanted(wanted, rows[index].name) && rewind_file(0) == 0 && map_file(0) == 0) {
            failures += bench_measure(&rows[index]) != 0;
        }
    }
    close(file);
    unlink(FILE_PATH);
    rmdir(DIRECTORY);
    return failures;
}
