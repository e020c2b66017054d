/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of modes crash and count: one line an event, each written by one system call. */
#include "disk.h"
#include "observe.h"
#include "results.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static int events_file = -1;

bool events_open(const char *path)
{
    if (!path) {
        return true;
    }
    events_file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (events_file < 0) {
        fprintf(stderr, "fault injection: cannot create %s: %m\n", path);
        return false;
    }
    return true;
}

void events_write(const char *format, ...)
{
    char line[512];
    va_list arguments;
    int length;

    if (events_file < 0) {
        return;
    }
    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length > 0 && write(events_file, line, (size_t)length) != length) {
        perror("fault injection: cannot write the report of events");
    }
}

void events_write_recovery(const uint8_t *record)
{
    char hexadecimal[2 * RECOVERY_BYTES + 1];

    for (unsigned i = 0; i < RECOVERY_BYTES; i++) {
        snprintf(hexadecimal + 2 * i, 3, "%02x", record[i]);
    }
    events_write("recovery %s\n", hexadecimal);
}

void events_write_verdict(uint64_t code, uint64_t detail)
{
    uint64_t hash[2];

    if (disk_saves_images() && disk_hash(hash)) {
        disk_save(hash);
        events_write("disk %016lx%016lx\n", hash[0], hash[1]);
    }
    events_write("verdict %lu %lu %ld\n", code, detail, machine_time());
}
