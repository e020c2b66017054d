/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel says on its log where the RAM disk lies: "perdure: ramdisk physical=0x... bytes=...".
 */
#define _GNU_SOURCE
#include "disk.h"

#include "digest.h"
#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_BYTES = 65536, IMAGE_CHUNK_BYTES = 4096 };

static const char *images_directory;
static uint64_t known_hash[2];
static bool known_hash_set;
static uint64_t disk_physical;
static uint64_t disk_bytes;

void disk_images_directory(const char *path)
{
    images_directory = path;
}

bool disk_saves_images(void)
{
    return images_directory != NULL;
}

void disk_known_hash(const char *hexadecimal)
{
    known_hash_set = sscanf(hexadecimal, "%16lx%16lx", &known_hash[0], &known_hash[1]) == 2;
}

/* The line stands in the part of the log that was written before any fault, so it is read from the file's
 * start. */
static void disk_find(void)
{
    static char log[LOG_BYTES];
    static const char marker[] = "ramdisk physical=";
    size_t length = machine_output_read(OUTPUT_LOG, 0, log, sizeof(log) - 1);
    const char *line;

    log[length] = 0;
    line = strstr(log, marker);
    if (line && sscanf(line, "ramdisk physical=%lx bytes=%lu", &disk_physical, &disk_bytes) != 2) {
        disk_bytes = 0;
    }
}

void disk_locate(void)
{
    if (disk_bytes == 0) {
        disk_find();
    }
}

bool disk_hash(uint64_t hash[2])
{
    struct digest digest;
    const uint8_t *bytes;

    disk_locate();
    bytes = disk_bytes ? machine_host_memory(disk_physical, disk_bytes) : NULL;
    if (!bytes) {
        return false;
    }
    digest = digest_bytes(bytes, disk_bytes);
    memcpy(hash, digest.word, sizeof(digest.word));
    return true;
}

static bool write_sparse(int file, const uint8_t *bytes, uint64_t length)
{
    static const uint8_t zeros[IMAGE_CHUNK_BYTES];

    if (ftruncate(file, (off_t)length) != 0) {
        return false;
    }
    for (uint64_t offset = 0; offset < length; offset += IMAGE_CHUNK_BYTES) {
        size_t chunk = length - offset < IMAGE_CHUNK_BYTES ? (size_t)(length - offset) : IMAGE_CHUNK_BYTES;

        if (memcmp(bytes + offset, zeros, chunk) != 0 &&
            pwrite(file, bytes + offset, chunk, (off_t)offset) != (ssize_t)chunk) {
            return false;
        }
    }
    return true;
}

/*
 * Written under a name of its own and then renamed, so that a reader never sees half an image. Without its image an experiment
 * cannot be judged: it ends here, without a result.
 */
void disk_save(const uint64_t hash[2])
{
    char name[4096];
    char unfinished[4128];
    const uint8_t *bytes = machine_host_memory(disk_physical, disk_bytes);
    int file;

    if (!images_directory || !bytes ||
        (known_hash_set && memcmp(hash, known_hash, sizeof(known_hash)) == 0)) {
        return;
    }
    snprintf(name, sizeof(name), "%s/%016lx%016lx.img", images_directory, hash[0], hash[1]);
    if (access(name, F_OK) == 0) {
        return;
    }
    snprintf(unfinished, sizeof(unfinished), "%s.%d", name, (int)getpid());
    file = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 || !write_sparse(file, bytes, disk_bytes) || rename(unfinished, name) != 0) {
        perror("fault injection: cannot save a disk image");
        unlink(unfinished);
        _exit(1);
    }
    close(file);
}
