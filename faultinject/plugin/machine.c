/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest machine through QEMU's functions. Register numbers are those of QEMU's gdb stub for x86-64, whose
 * order of the first eight differs from the processor's.
 */
#define _GNU_SOURCE
#include "machine.h"

#include "symbols.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    GDB_RIP = 16,
    GDB_FLAGS = 17,
    GDB_CS = 18,
    GDB_FS_BASE = 24,
    GDB_GS_BASE = 25,
    GDB_CR0 = 27,
    GDB_CR2 = 28,
    GDB_CR3 = 29,
    GDB_CR4 = 30,
    GDB_SSE = 49
};

enum { PAGE_BITS = 12, LEVEL_BITS = 9, LEVELS = 4 };
#define ENTRY_PRESENT 1ull
#define ENTRY_LARGE   0x80ull
#define ENTRY_ADDRESS 0x000ffffffffff000ull

struct CPUState *machine_cpu;

static uint8_t *ram_host;
static uint64_t ram_bytes;
static struct RAMBlock *ram_block;

static struct {
    const char *path;
    int descriptor;
    int silenced; /* a duplicate of the real one meanwhile */
    bool diverted;
} outputs[OUTPUT_COUNT] = {{.descriptor = -1}, {.descriptor = -1}, {.descriptor = -1}};

static int note_largest_block(struct RAMBlock *block, void *argument)
{
    uint64_t bytes = qemu.qemu_ram_get_used_length(block);

    (void)argument;
    if (bytes > ram_bytes) {
        ram_bytes = bytes;
        ram_host = qemu.qemu_ram_get_host_addr(block);
        ram_block = block;
    }
    return 0;
}

/* The character devices' files are found by name among this process's open descriptors. */
static void find_output_descriptors(void)
{
    for (int descriptor = 3; descriptor < 256; descriptor++) {
        char link[64];
        char target[4096];
        ssize_t length;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
        length = readlink(link, target, sizeof(target) - 1);
        if (length <= 0) {
            continue;
        }
        target[length] = 0;
        for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
            if (outputs[i].path && strcmp(outputs[i].path, target) == 0 && outputs[i].descriptor < 0) {
                outputs[i].descriptor = descriptor;
            }
        }
    }
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        if (outputs[i].path && outputs[i].descriptor < 0) {
            fprintf(
                stderr,
                "fault injection: QEMU has no open file %s\n  mend: give the output's absolute path, without "
                "symbolic links\n",
                outputs[i].path);
            _exit(1);
        }
    }
}

void machine_find(void)
{
    machine_cpu = qemu.qemu_get_cpu(0);
    qemu.qemu_ram_foreach_block(note_largest_block, NULL);
    find_output_descriptors();
}

static int allow_fork_of_block(struct RAMBlock *block, void *argument)
{
    size_t bytes = (size_t)((qemu.qemu_ram_get_used_length(block) + 4095) & ~4095ull);

    (void)argument;
    madvise(qemu.qemu_ram_get_host_addr(block), bytes, MADV_DOFORK);
    /* A copy-on-write fault then copies 4 KiB and not 2 MiB. */
    madvise(qemu.qemu_ram_get_host_addr(block), bytes, MADV_NOHUGEPAGE);
    return 0;
}

void machine_allow_fork(void)
{
    qemu.qemu_ram_foreach_block(allow_fork_of_block, NULL);
}

int64_t machine_time(void)
{
    return qemu.qemu_clock_get_ns(CLOCK_VIRTUAL_NS);
}

static size_t gdb_read_bytes(int number, void *to, size_t capacity)
{
    static struct byte_array *array;
    size_t bytes;

    if (!array) {
        array = qemu.g_byte_array_new();
    }
    qemu.g_byte_array_set_size(array, 0);
    bytes = (size_t)qemu.x86_cpu_gdb_read_register(machine_cpu, array, number);
    memcpy(to, array->data, bytes < capacity ? bytes : capacity);
    return bytes;
}

static uint64_t gdb_read(int number)
{
    uint64_t value = 0;

    gdb_read_bytes(number, &value, sizeof(value));
    return value;
}

static void gdb_write(int number, uint64_t value)
{
    uint8_t bytes[16] = {0};

    memcpy(bytes, &value, sizeof(value));
    qemu.x86_cpu_gdb_write_register(machine_cpu, bytes, number);
}

static int gdb_number(unsigned number)
{
    static const uint8_t low[8] = {
        [RAX] = 0, [RBX] = 1, [RCX] = 2, [RDX] = 3, [RSI] = 4, [RDI] = 5, [RBP] = 6, [RSP] = 7};
    if (number == REGISTER_RIP) {
        return GDB_RIP;
    }
    return number < 8 ? low[number] : (int)number;
}

uint64_t machine_register(unsigned number)
{
    return gdb_read(gdb_number(number));
}

void machine_set_register(unsigned number, uint64_t value)
{
    gdb_write(gdb_number(number), value);
}

uint64_t machine_flags(void)
{
    return gdb_read(GDB_FLAGS);
}

void machine_set_flags(uint64_t value)
{
    gdb_write(GDB_FLAGS, value);
}

uint64_t machine_cr0(void)
{
    return gdb_read(GDB_CR0);
}

/* Builds of QEMU differ in which half they read first; what they write begins with the lower one. */
static bool sse_is_swapped(unsigned number)
{
    static int swapped = -1;
    uint64_t old[2];
    uint64_t value[2] = {1, 2};

    if (swapped < 0) {
        gdb_read_bytes((int)(GDB_SSE + number), old, sizeof(old));
        machine_set_sse(number, value);
        gdb_read_bytes((int)(GDB_SSE + number), value, sizeof(value));
        swapped = value[0] == 2;
        machine_set_sse(number, (uint64_t[]){old[swapped], old[!swapped]});
    }
    return swapped;
}

void machine_sse(unsigned number, uint64_t value[2])
{
    uint64_t read[2] = {0};
    bool swapped = sse_is_swapped(number);

    if (gdb_read_bytes((int)(GDB_SSE + number), read, sizeof(read)) != sizeof(read)) {
        fprintf(stderr, "fault injection: this QEMU numbers its SSE registers otherwise\n"
                        "  mend: use QEMU 7.2 to 10, or leave out the models of SSE registers\n");
        _exit(1);
    }
    value[0] = read[swapped];
    value[1] = read[!swapped];
}

void machine_set_sse(unsigned number, const uint64_t value[2])
{
    uint64_t bytes[2] = {value[0], value[1]};

    qemu.x86_cpu_gdb_write_register(machine_cpu, (uint8_t *)bytes, (int)(GDB_SSE + number));
}

uint64_t machine_cr2(void)
{
    return gdb_read(GDB_CR2);
}

uint64_t machine_cr3(void)
{
    return gdb_read(GDB_CR3);
}

uint64_t machine_cr4(void)
{
    return gdb_read(GDB_CR4);
}

unsigned machine_privilege(void)
{
    return gdb_read(GDB_CS) & 3;
}

bool machine_read(uint64_t address, void *bytes, size_t length_bytes)
{
    return qemu.cpu_memory_rw_debug(machine_cpu, address, bytes, length_bytes, false) == 0;
}

bool machine_write(uint64_t address, const void *bytes, size_t length_bytes)
{
    /* QEMU only reads from the buffer when it writes to the guest. */
    return qemu.cpu_memory_rw_debug(machine_cpu, address, (void *)(uintptr_t)bytes, length_bytes, true) == 0;
}

uint64_t machine_read_physical(uint64_t physical)
{
    uint64_t value = 0;

    qemu.cpu_physical_memory_rw(physical, &value, sizeof(value), false);
    return value;
}

void machine_write_physical(uint64_t physical, uint64_t value)
{
    qemu.cpu_physical_memory_rw(physical, &value, sizeof(value), true);
}

/* Walks the page tables; returns the level of the entry that ends the walk (0: 4 KiB page), or -1 when absent
 * above. */
static int walk(uint64_t address, uint64_t *entry_physical, uint64_t *entry)
{
    uint64_t table = machine_cr3() & ENTRY_ADDRESS;

    for (int level = LEVELS - 1; level >= 0; level--) {
        unsigned shift = PAGE_BITS + LEVEL_BITS * (unsigned)level;

        *entry_physical = table + ((address >> shift) & 511) * 8;
        *entry = machine_read_physical(*entry_physical);
        if (level == 0 || (*entry & ENTRY_LARGE && level < 3 && *entry & ENTRY_PRESENT)) {
            return level;
        }
        if (!(*entry & ENTRY_PRESENT)) {
            return -1;
        }
        table = *entry & ENTRY_ADDRESS;
    }
    return -1;
}

bool machine_page_entry(uint64_t address, uint64_t *entry_physical, uint64_t *entry)
{
    return walk(address, entry_physical, entry) >= 0;
}

bool machine_physical(uint64_t address, uint64_t *physical)
{
    uint64_t entry_physical;
    uint64_t entry;
    int level = walk(address, &entry_physical, &entry);
    uint64_t offset_mask;

    if (level < 0 || !(entry & ENTRY_PRESENT)) {
        return false;
    }
    offset_mask = (1ull << (PAGE_BITS + LEVEL_BITS * (unsigned)level)) - 1;
    *physical = (entry & ENTRY_ADDRESS & ~offset_mask) | (address & offset_mask);
    return true;
}

uint8_t *machine_host_memory(uint64_t physical, uint64_t length_bytes)
{
    if (!ram_host || physical > ram_bytes || length_bytes > ram_bytes - physical) {
        return NULL;
    }
    return ram_host + physical;
}

bool machine_memory_offset(uint64_t *offset)
{
    uint64_t (*block_offset)(struct RAMBlock *);
    void *found = symbol_find("qemu_ram_get_offset");

    memcpy(&block_offset, &found, sizeof(block_offset));
    *offset = found ? block_offset(ram_block) : 0;
    return found != NULL;
}

uint64_t machine_memory_bytes(void)
{
    return ram_bytes;
}

uint64_t machine_effective_address(const struct instruction *instruction)
{
    uint64_t address = (uint64_t)instruction->displacement;

    if (instruction->base == REGISTER_RIP) {
        address += machine_register(REGISTER_RIP) + instruction->length_bytes;
    } else if (instruction->base != REGISTER_NONE) {
        address += machine_register(instruction->base);
    }
    if (instruction->index != REGISTER_NONE) {
        address += machine_register(instruction->index) * instruction->scale;
    }
    if (instruction->segment) {
        address += gdb_read(instruction->segment == 0x64 ? GDB_FS_BASE : GDB_GS_BASE);
    }
    return address;
}

void machine_output_path(unsigned output, const char *path)
{
    outputs[output].path = path;
}

uint64_t machine_output_bytes(unsigned output)
{
    off_t end = outputs[output].descriptor < 0 ? 0 : lseek(outputs[output].descriptor, 0, SEEK_END);

    return end < 0 ? 0 : (uint64_t)end;
}

void machine_divert_outputs(void)
{
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        int memory;

        if (outputs[i].descriptor < 0) {
            continue;
        }
        memory = memfd_create("output", 0);
        if (memory < 0 || dup2(memory, outputs[i].descriptor) < 0) {
            perror("fault injection: cannot divert the guest's output");
            _exit(1);
        }
        close(memory);
        outputs[i].diverted = true;
    }
}

void machine_silence_outputs(bool silent)
{
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        if (outputs[i].descriptor < 0) {
            continue;
        }
        if (silent) {
            int memory = memfd_create("silenced", MFD_CLOEXEC);

            outputs[i].silenced = dup(outputs[i].descriptor);
            if (memory < 0 || dup2(memory, outputs[i].descriptor) < 0) {
                perror("fault injection: cannot silence the guest's output");
                _exit(1);
            }
            close(memory);
        } else {
            dup2(outputs[i].silenced, outputs[i].descriptor);
            close(outputs[i].silenced);
        }
        outputs[i].diverted = silent;
    }
}

bool machine_outputs_diverted(void)
{
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        if (outputs[i].diverted) {
            return true;
        }
    }
    return false;
}

size_t machine_output_read(unsigned output, uint64_t offset, void *bytes, size_t capacity)
{
    ssize_t length = -1;

    if (outputs[output].diverted) {
        length = pread(outputs[output].descriptor, bytes, capacity, (off_t)offset);
    } else if (outputs[output].path) {
        /* QEMU opened its file for writing only. */
        int reader = open(outputs[output].path, O_RDONLY | O_CLOEXEC);

        if (reader >= 0) {
            length = pread(reader, bytes, capacity, (off_t)offset);
            close(reader);
        }
    }
    return length < 0 ? 0 : (size_t)length;
}

uint32_t *machine_halted(void)
{
    const struct state_field *field = qemu_first_state_field("vmstate_cpu_common", "halted");

    return field && field->size == sizeof(uint32_t) ? (uint32_t *)((uint8_t *)machine_cpu + field->offset) : NULL;
}
