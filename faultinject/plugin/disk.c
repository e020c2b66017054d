/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel says on its log where the RAM disk lies: "perdure: ramdisk physical=0x... bytes=...". The hash only
 * has to tell images of one campaign apart (128 bits, four lanes of multiply and rotate, position-dependent);
 * the harness names images by SHA-256 where names go beyond a campaign.
 */
#define _GNU_SOURCE
#include "disk.h"

#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_BYTES = 65536, IMAGE_CHUNK_BYTES = 4096, LANES = 4 };

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

/* The line stands in the part of the log that was written before any fault, so it is read from the file's start. */
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

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93ull;
    value ^= value >> 29;
    value *= 0xa0761d6478bd642full;
    return value ^ (value >> 32);
}

bool disk_hash(uint64_t hash[2])
{
    static const uint64_t factor[LANES] = {0x9e3779b97f4a7c15ull, 0xc2b2ae3d27d4eb4full, 0x165667b19e3779f9ull,
                                           0x27d4eb2f165667c5ull};
    uint64_t lane[LANES] = {1, 2, 3, 4};
    const uint8_t *bytes;

    disk_locate();
    bytes = disk_bytes ? machine_host_memory(disk_physical, disk_bytes) : NULL;
    if (!bytes) {
        return false;
    }
    for (uint64_t offset = 0; offset + sizeof(lane) <= disk_bytes; offset += sizeof(lane)) {
        for (unsigned i = 0; i < LANES; i++) {
            uint64_t word;

            memcpy(&word, bytes + offset + i * sizeof(word), sizeof(word));
            lane[i] = (lane[i] ^ word) * factor[i];
            lane[i] = (lane[i] << 31) | (lane[i] >> 33);
        }
    }
    hash[0] = mix(mix(lane[0]) + lane[1]) ^ mix(lane[3] ^ disk_bytes);
    hash[1] = mix(mix(lane[2]) + lane[3]) ^ mix(lane[1] + disk_bytes);
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

/* Written under a name of its own and then renamed, so that a reader never sees half an image. */
void disk_save(const uint64_t hash[2])
{
    char name[4096];
    char unfinished[4128];
    const uint8_t *bytes = machine_host_memory(disk_physical, disk_bytes);
    int file;

    if (!images_directory || !bytes || (known_hash_set && memcmp(hash, known_hash, sizeof(known_hash)) == 0)) {
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
    }
    if (file >= 0) {
        close(file);
    }
}
