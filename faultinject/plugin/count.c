/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counting what instructions do not show: writes of CR3, invalidations of the TLB, entries into the kernel. At each
 * mark the counts so far are reported, and with each recovery the counts since its failure; the harness takes the
 * differences of marks.
 */
#include "observe.h"

#include <stdio.h>

enum { ENTRIES_MAX = 8 };

static struct {
    uint64_t cr3_writes;
    uint64_t tlb_invalidations;
    uint64_t kernel_entries;
} counts, counts_at_failure;
static uint64_t entry_addresses[ENTRIES_MAX];
static unsigned entry_count;

bool count_configure(const char *events_path)
{
    return events_open(events_path);
}

bool count_add_entry(uint64_t address)
{
    if (entry_count == ENTRIES_MAX) {
        return false;
    }
    entry_addresses[entry_count++] = address;
    return true;
}

static uint64_t *count_counter(uint64_t address, const uint8_t *bytes, unsigned length_bytes)
{
    for (unsigned i = 0; i < entry_count; i++) {
        if (entry_addresses[i] == address) {
            return &counts.kernel_entries;
        }
    }
    if (length_bytes > 0 && (*bytes & 0xf0) == 0x40) {
        bytes++;
        length_bytes--;
    }
    if (length_bytes == 3 && bytes[0] == 0x0f && bytes[1] == 0x22 && (bytes[2] & 0xf8) == 0xd8) {
        return &counts.cr3_writes; /* mov cr3, r64 */
    }
    if (length_bytes >= 3 && bytes[0] == 0x0f && bytes[1] == 0x01 && (bytes[2] & 0x38) == 0x38 &&
        (bytes[2] & 0xc0) != 0xc0) {
        return &counts.tlb_invalidations; /* invlpg m8 */
    }
    if (length_bytes >= 5 && bytes[0] == 0x66 && bytes[1] == 0x0f && bytes[2] == 0x38 && bytes[3] == 0x82) {
        return &counts.tlb_invalidations; /* invpcid */
    }
    return NULL;
}

static void count_mark(uint64_t number)
{
    events_write("mark %lu %ld %lu %lu %lu\n", number, machine_time(), counts.cr3_writes, counts.tlb_invalidations,
                 counts.kernel_entries);
}

static void count_failure(void)
{
    counts_at_failure = counts;
}

static void count_recovery(const uint8_t *record)
{
    events_write_recovery(record);
    events_write("recovery_counts %lu %lu %lu\n", counts.cr3_writes - counts_at_failure.cr3_writes,
                 counts.tlb_invalidations - counts_at_failure.tlb_invalidations,
                 counts.kernel_entries - counts_at_failure.kernel_entries);
}

static void count_begin(void)
{
}

const struct stop_handlers count_handlers = {
    .begin = count_begin,
    .verdict = events_write_verdict,
    .failure = count_failure,
    .recovery = count_recovery,
    .mark = count_mark,
    .counter = count_counter,
};
