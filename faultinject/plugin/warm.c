/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's state, kept and put back. Runs on the processor's own thread with the big lock held, guest stopped.
 *
 * Of the device state, as QEMU writes it for migration, the section "cpu_common" is left out: loading it would drop all
 * translated code. What it holds, pending interrupts, is put back by hand. (It also says whether the processor is
 * halted, which it is not: it is between two instructions.)
 */
#define _GNU_SOURCE
#include "warm.h"

#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, STATE_HEADER_BYTES = 8, SECTION_FULL = 4, SECTION_FOOTER = 0x7e };

#define PAGEMAP_PRESENT (3ull << 62) /* or swapped out */

static uint8_t *memory_copy;
static uint64_t *pagemap; /* of the guest's memory, an entry a page, as it was last read */
static int state_file = -1;
static uint32_t pending_interrupts;
static bool running;

bool warm_running(void)
{
    return running;
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/*
 * Finds "cpu_common" in the stream. A section is: 04, its number (32 bits, as all numbers here big-endian), the length of
 * its name (8 bits), the name, instance and version (32 bits each), data, 7e, its number again. The data begin with
 * `halted` and `interrupt_request`, 32 bits each.
 */
static bool section_find(const uint8_t *stream, size_t length, size_t *start, size_t *end)
{
    static const char name[] = "\012cpu_common";
    enum { NAME_AT = 5, HEAD_BYTES = NAME_AT + sizeof(name) - 1 + 8, FOOTER_BYTES = 5 };

    for (size_t at = STATE_HEADER_BYTES; at + HEAD_BYTES + 8 + FOOTER_BYTES <= length; at++) {
        if (stream[at] != SECTION_FULL || memcmp(stream + at + NAME_AT, name, sizeof(name) - 1) != 0) {
            continue;
        }
        pending_interrupts = big_endian(stream + at + HEAD_BYTES + 4);
        for (size_t foot = at + HEAD_BYTES + 8; foot + FOOTER_BYTES <= length; foot++) {
            if (stream[foot] == SECTION_FOOTER && memcmp(stream + foot + 1, stream + at + 1, 4) == 0) {
                *start = at;
                *end = foot + FOOTER_BYTES;
                return true;
            }
        }
    }
    return false;
}

/* Takes the section out. */
static bool state_edit(void)
{
    struct stat status;
    uint8_t *stream;
    size_t start;
    size_t end;
    bool good = false;

    if (fstat(state_file, &status) != 0) {
        return false;
    }
    stream = malloc((size_t)status.st_size);
    if (stream && pread(state_file, stream, (size_t)status.st_size, 0) == status.st_size &&
        section_find(stream, (size_t)status.st_size, &start, &end)) {
        size_t rest = (size_t)status.st_size - end;

        good = pwrite(state_file, stream + end, rest, (off_t)start) == (ssize_t)rest &&
               ftruncate(state_file, (off_t)(start + rest)) == 0;
    }
    free(stream);
    return good;
}

static bool state_save(void)
{
    int writer;
    void *file;

    state_file = memfd_create("state", MFD_CLOEXEC);
    writer = dup(state_file);
    if (state_file < 0 || writer < 0) {
        return false;
    }
    qemu.global_state_store_running();
    file = qemu.qemu_file_new_output(qemu.qio_channel_file_new_fd(writer));
    return qemu.qemu_save_device_state(file) == 0 && qemu.qemu_fclose(file) == 0 && state_edit();
}

static void state_load(void)
{
    int reader = dup(state_file);
    void *file;

    if (reader < 0 || lseek(reader, STATE_HEADER_BYTES, SEEK_SET) != STATE_HEADER_BYTES) {
        perror("fault injection: the machine's state cannot be read");
        _exit(1);
    }
    file = qemu.qemu_file_new_input(qemu.qio_channel_file_new_fd(reader));
    if (qemu.qemu_load_device_state(file) != 0) {
        fprintf(stderr, "fault injection: the machine's state could not be put back after warming up\n"
                        "  mend: run without warming up\n");
        _exit(1);
    }
    qemu.qemu_fclose(file);
    qemu.cpu_reset_interrupt(machine_cpu, ~(int)pending_interrupts);
    if (pending_interrupts) {
        qemu.cpu_interrupt(machine_cpu, (int)pending_interrupts);
    }
    qemu.tlb_flush(machine_cpu);
}

static void *anonymous(uint64_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/*
 * Which pages were ever touched. The others are zero, and are better not even read: every page that is mapped makes every
 * fork and every end of a child longer. Where the host's kernel does not tell, all count as touched.
 */
static void pagemap_read(void)
{
    uint64_t pages = machine_memory_bytes() / PAGE_BYTES;
    size_t bytes = pages * sizeof(*pagemap);
    uint64_t first = (uintptr_t)machine_host_memory(0, 1) / PAGE_BYTES;
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

    if (file < 0 || pread(file, pagemap, bytes, (off_t)(first * sizeof(*pagemap))) != (ssize_t)bytes) {
        memset(pagemap, 0xff, bytes);
    }
    if (file >= 0) {
        close(file);
    }
}

static bool is_touched(uint64_t offset)
{
    return pagemap[offset / PAGE_BYTES] & PAGEMAP_PRESENT;
}

bool warm_begin(void)
{
    uint64_t bytes = machine_memory_bytes();
    const uint8_t *memory = machine_host_memory(0, bytes);

    memory_copy = anonymous(bytes);
    pagemap = anonymous(bytes / PAGE_BYTES * sizeof(*pagemap));
    if (!memory || !memory_copy || !pagemap || !state_save()) {
        return false;
    }
    pagemap_read();
    for (uint64_t offset = 0; offset < bytes; offset += PAGE_BYTES) {
        if (is_touched(offset)) {
            memcpy(memory_copy + offset, memory + offset, PAGE_BYTES);
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

    pagemap_read();
    for (uint64_t offset = 0; offset < bytes; offset += PAGE_BYTES) {
        if (is_touched(offset) && memcmp(memory + offset, memory_copy + offset, PAGE_BYTES) != 0) {
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
        munmap(pagemap, machine_memory_bytes() / PAGE_BYTES * sizeof(*pagemap));
        close(state_file);
        machine_silence_outputs(false);
        running = false;
    }
}
