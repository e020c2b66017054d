/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By /proc/self/pagemap (Linux, Documentation/admin-guide/mm/pagemap.rst). Untouched pages are mapped nowhere. */
#include "pages.h"

#include "machine.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRESENT   (1ull << 63)
#define SWAPPED   (1ull << 62)
#define EXCLUSIVE (1ull << 56) /* mapped by no other process */

uint64_t pages_count(void)
{
    return machine_memory_bytes() / PAGE_BYTES;
}

/* An entry for each page; NULL where it cannot be read. */
static const uint64_t *pagemap_read(void)
{
    static uint64_t *entries;
    size_t bytes = pages_count() * sizeof(*entries);
    uint64_t first = (uintptr_t)machine_host_memory(0, 1) / PAGE_BYTES;
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool good;

    entries = entries ? entries : malloc(bytes);
    good = entries && file >= 0 && pread(file, entries, bytes, (off_t)(first * sizeof(*entries))) == (ssize_t)bytes;
    if (file >= 0) {
        close(file);
    }
    return good ? entries : NULL;
}

void pages_read_touched(uint8_t *touched)
{
    const uint64_t *entries = pagemap_read();

    for (uint64_t page = 0; page < pages_count(); page++) {
        touched[page] = !entries || entries[page] & (PRESENT | SWAPPED);
    }
}

bool pages_read_written(uint8_t *written)
{
    const uint64_t *entries = pagemap_read();

    for (uint64_t page = 0; entries && page < pages_count(); page++) {
        written[page] = entries[page] & SWAPPED || (entries[page] & PRESENT && entries[page] & EXCLUSIVE);
    }
    return entries != NULL;
}

struct digest pages_digest(uint64_t page)
{
    return digest_page(machine_host_memory(page * PAGE_BYTES, PAGE_BYTES));
}
