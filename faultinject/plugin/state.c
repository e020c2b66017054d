/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of the state that is put back the section "cpu_common" is left out: loading it would drop all translated code. What it
 * holds, pending interrupts and whether the processor is halted, is put back by hand: a processor that halted afterwards would
 * stand still in the state that is put back, while time goes on to the next interrupt.
 */
#define _GNU_SOURCE
#include "state.h"

#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_HEADER_BYTES = 8, SECTION_FULL = 4, SECTION_FOOTER = 0x7e };

static int state_file = -1;
static uint32_t pending_interrupts;
static uint32_t was_halted;

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

/* To a new file in memory; -1 when that fails. */
static int state_write(void)
{
    int state = memfd_create("state", MFD_CLOEXEC);
    int writer = dup(state);
    void *file;

    if (state < 0 || writer < 0) {
        return -1;
    }
    qemu.global_state_store_running();
    file = qemu.qemu_file_new_output(qemu.qio_channel_file_new_fd(writer));
    if (qemu.qemu_save_device_state(file) != 0 || qemu.qemu_fclose(file) != 0) {
        close(state);
        return -1;
    }
    return state;
}

size_t state_read(uint8_t *bytes, size_t capacity)
{
    int state = state_write();
    off_t length = lseek(state, 0, SEEK_END);
    bool good = length > 0 && (size_t)length <= capacity && pread(state, bytes, (size_t)length, 0) == length;

    if (state >= 0) {
        close(state);
    }
    return good ? (size_t)length : 0;
}

bool state_save(void)
{
    if (!machine_halted()) {
        return false;
    }
    was_halted = *machine_halted();
    state_file = state_write();
    return state_file >= 0 && state_edit();
}

void state_forget(void)
{
    close(state_file);
    state_file = -1;
}

void state_load(void)
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
    *machine_halted() = was_halted;
    qemu.cpu_reset_interrupt(machine_cpu, ~(int)pending_interrupts);
    if (pending_interrupts) {
        qemu.cpu_interrupt(machine_cpu, (int)pending_interrupts);
    }
    qemu.tlb_flush(machine_cpu);
}
