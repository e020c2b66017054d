/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's memory, kept and put back. Runs on the processor's own thread with the big lock held, guest stopped. */
#define _GNU_SOURCE
#include "warm.h"

#include "machine.h"
#include "pages.h"
#include "state.h"

#include <string.h>
#include <sys/mman.h>

static uint8_t *memory_copy;
static uint8_t *touched; /* for each page */
static bool running;

bool warm_running(void)
{
    return running;
}

static void *anonymous(uint64_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

bool warm_begin(void)
{
    uint64_t bytes = machine_memory_bytes();
    const uint8_t *memory = machine_host_memory(0, bytes);

    memory_copy = anonymous(bytes);
    touched = anonymous(pages_count());
    if (!memory || !memory_copy || !touched || !state_save()) {
        return false;
    }
    pages_read_touched(touched);
    for (uint64_t page = 0; page < pages_count(); page++) {
        if (touched[page]) {
            memcpy(memory_copy + page * PAGE_BYTES, memory + page * PAGE_BYTES, PAGE_BYTES);
        }
    }
    machine_silence_outputs(true);
    running = true;
    return true;
}

/* Through QEMU, so that what was translated from a page that changes is dropped. */
static void memory_restore(void)
{
    uint64_t bytes = machine_memory_bytes();
    const uint8_t *memory = machine_host_memory(0, bytes);

    pages_read_touched(touched);
    for (uint64_t page = 0; page < pages_count(); page++) {
        uint64_t offset = page * PAGE_BYTES;

        if (touched[page] && memcmp(memory + offset, memory_copy + offset, PAGE_BYTES) != 0) {
            qemu.cpu_physical_memory_rw(offset, memory_copy + offset, PAGE_BYTES, true);
        }
    }
}

void warm_back(bool again)
{
    memory_restore();
    state_load();
    if (!again) {
        munmap(memory_copy, machine_memory_bytes());
        munmap(touched, pages_count());
        state_forget();
        machine_silence_outputs(false);
        running = false;
    }
}
