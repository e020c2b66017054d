/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault models, at the level of the machine. A memory abort is transient, as when a transfer fails on the bus: the
 * page's entry is absent for the one access and is put back when the exception has been taken.
 */
#include "inject.h"

#include "service.h"
#include "stops.h"
#include "watch.h"

#include <string.h>

#define ENTRY_PRESENT 1ull

static struct experiment_record *record;

static void inject_register(unsigned number, unsigned bit)
{
    record->address = number;
    if (number == FAULT_REGISTER_FLAGS) {
        record->before = machine_flags();
        machine_set_flags(record->before ^ (1ull << bit));
        record->after = machine_flags();
    } else {
        record->before = machine_register(number);
        machine_set_register(number, record->before ^ (1ull << bit));
        record->after = machine_register(number);
    }
    if (record->before == record->after) {
        record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    watch_register(record, number, bit);
}

/* Whether a flipped byte of memory is used is not watched: the kernel and devices may use it too. */
static void inject_memory(uint64_t address, unsigned bit)
{
    uint8_t byte;

    record->address = address;
    record->activation = ACTIVATION_IMPOSSIBLE;
    if (!machine_read(address, &byte, 1)) {
        return;
    }
    record->before = byte;
    byte ^= (uint8_t)(1u << bit);
    record->after = byte;
    if (machine_write(address, &byte, 1)) {
        record->activation = ACTIVATION_NOT_SEEN;
    }
}

static void inject_physical(uint64_t address, unsigned bit)
{
    uint64_t word;

    record->address = address;
    if (!machine_host_memory(address, 1)) {
        record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    word = machine_read_physical(address & ~7ull);
    record->before = word;
    word ^= 1ull << (bit + 8 * (address & 7));
    record->after = word;
    machine_write_physical(address & ~7ull, word);
}

static void used_here(void)
{
    results_activation(record, ACTIVATION_USED);
}

static void inject_code(unsigned byte, unsigned bit)
{
    inject_memory(machine_register(REGISTER_RIP) + byte, bit);
    if (record->activation == ACTIVATION_NOT_SEEN) {
        used_here();
    }
}

/*
 * An endless loop in place of the next instructions, up to the page's end or 128 bytes: NOPs and a jump back to the
 * first. A jump to itself alone would do; the longer loop costs the host a fiftieth of the time.
 */
static void inject_hang(void)
{
    enum { JUMP_BYTES = 2, LOOP_BYTES_MAX = 128, NOP = 0x90, JUMP_SHORT = 0xeb };
    uint64_t rip = machine_register(REGISTER_RIP);
    uint64_t page_rest = 4096 - (rip & 4095);
    unsigned length = page_rest < LOOP_BYTES_MAX ? (unsigned)page_rest : LOOP_BYTES_MAX;
    uint8_t loop[LOOP_BYTES_MAX];

    record->address = rip;
    if (length < JUMP_BYTES) {
        length = JUMP_BYTES;
    }
    if (!machine_read(rip, &record->before, length < 8 ? length : 8)) {
        record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    memset(loop, NOP, sizeof(loop));
    loop[length - 2] = JUMP_SHORT;
    loop[length - 1] = (uint8_t)(256 - length);
    machine_write(rip, loop, length);
    machine_read(rip, &record->after, length < 8 ? length : 8);
    used_here();
}

static void inject_kill(uint64_t address)
{
    record->address = REGISTER_RIP;
    record->before = machine_register(REGISTER_RIP);
    used_here();
    machine_set_register(REGISTER_RIP, address);
    record->after = address;
}

/* The entry that is absent for one access. */
static uint64_t absent_entry_physical;
static uint64_t absent_entry;

/* One instruction later: either the exception was taken (the processor is in the kernel) or nothing was touched. */
static void abort_over(void)
{
    machine_write_physical(absent_entry_physical, machine_read_physical(absent_entry_physical) | ENTRY_PRESENT);
    qemu.tlb_flush(machine_cpu);
    if (machine_privilege() == 0) {
        record->activation = ACTIVATION_USED;
    }
}

static bool abort_at(const struct instruction *instruction)
{
    uint64_t address;

    if (!instruction->known || !instruction->memory) {
        return false;
    }
    address = machine_effective_address(instruction);
    if (!machine_page_entry(address, &absent_entry_physical, &absent_entry) || !(absent_entry & ENTRY_PRESENT)) {
        return false; /* it faults by itself */
    }
    record->address = address;
    record->before = absent_entry;
    record->after = absent_entry & ~ENTRY_PRESENT;
    results_activation(record, ACTIVATION_REPLACED);
    machine_write_physical(absent_entry_physical, record->after);
    qemu.tlb_flush(machine_cpu);
    watch_one_step(abort_over);
    return true;
}

void inject(const struct experiment *experiment, struct experiment_record *experiment_record)
{
    record = experiment_record;
    switch (experiment->kind) {
    case FAULT_NONE:
        break;
    case FAULT_REGISTER:
        inject_register((unsigned)experiment->a, (unsigned)experiment->b);
        break;
    case FAULT_MEMORY:
        inject_memory(experiment->a, (unsigned)experiment->b);
        break;
    case FAULT_PHYSICAL:
        inject_physical(experiment->a, (unsigned)experiment->b);
        break;
    case FAULT_CODE:
        inject_code((unsigned)experiment->a, (unsigned)experiment->b);
        break;
    case FAULT_MEMORY_ABORT:
        watch_instructions(record, abort_at);
        break;
    case FAULT_HANG:
        inject_hang();
        break;
    case FAULT_KILL:
        inject_kill(experiment->a);
        break;
    }
}
