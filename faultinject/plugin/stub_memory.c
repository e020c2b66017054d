/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory for the slow engine. It is read where it is, for it is a file that this process has mapped; it is written
 * through the gdb stub, for QEMU must know what code has changed.
 */
#define _GNU_SOURCE
#include "machine.h"
#include "qemu.h"
#include "stub_internal.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t *ram;
static uint64_t ram_bytes;

static bool reaches(uint64_t physical, uint64_t length_bytes)
{
    return physical <= ram_bytes && length_bytes <= ram_bytes - physical;
}

static void physical_memory(uint64_t physical, void *bytes, uint64_t length_bytes, bool write)
{
    if (write) {
        wire_write_memory(physical, bytes, length_bytes, true);
    } else if (reaches(physical, length_bytes)) {
        memcpy(bytes, ram + physical, length_bytes);
    } else {
        memset(bytes, 0, length_bytes);
    }
}

static int virtual_memory(struct CPUState *cpu, uint64_t address, void *bytes, size_t length_bytes, bool write)
{
    enum { PAGE_BYTES = 4096 };
    uint8_t *to = bytes;

    (void)cpu;
    if (write) {
        return wire_write_memory(address, bytes, length_bytes, false) ? 0 : -1;
    }
    while (length_bytes > 0) {
        size_t piece = PAGE_BYTES - address % PAGE_BYTES;
        uint64_t physical;

        piece = piece < length_bytes ? piece : length_bytes;
        if (!machine_physical(address, &physical) || !reaches(physical, piece)) {
            return -1;
        }
        memcpy(to, ram + physical, piece);
        address += piece;
        to += piece;
        length_bytes -= piece;
    }
    return 0;
}

/* Guest memory is one piece, and this process has the file it is in. */
static int foreach_block(int (*visit)(struct RAMBlock *, void *), void *argument)
{
    for (int descriptor = 3; !ram && descriptor < 256; descriptor++) {
        char link[64];
        char target[64] = "";
        struct stat status;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
        if (readlink(link, target, sizeof(target) - 1) > 0 &&
            strncmp(target, "/memfd:memory-backend-memfd", strlen("/memfd:memory-backend-memfd")) == 0 &&
            fstat(descriptor, &status) == 0) {
            ram_bytes = (uint64_t)status.st_size;
            ram = mmap(NULL, ram_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        }
    }
    if (!ram || ram == MAP_FAILED) {
        stub_fail("guest memory is not in a file that this process has");
    }
    return visit((struct RAMBlock *)ram, argument);
}

static void *block_address(struct RAMBlock *block)
{
    return block;
}

static uint64_t block_bytes(struct RAMBlock *block)
{
    (void)block;
    return ram_bytes;
}

void stub_memory_take_over(void)
{
    qemu.cpu_memory_rw_debug = virtual_memory;
    qemu.cpu_physical_memory_rw = physical_memory;
    qemu.qemu_ram_foreach_block = foreach_block;
    qemu.qemu_ram_get_host_addr = block_address;
    qemu.qemu_ram_get_used_length = block_bytes;
}
