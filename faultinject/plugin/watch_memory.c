/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Callbacks of QEMU's plugin interface on every access; the page offset rules nearly all of them out at once. */
#include "watch_memory.h"

#include "service.h"
#include "stub.h"

#include <string.h>

enum { PAGE_BYTES = 4096, PAGE_MASK = PAGE_BYTES - 1, MEMORY_ACCESS_BOTH = 3, SIZE_SHIFT = 56 };

static struct {
    struct experiment_record *record; /* NULL: nothing is watched */
    uint64_t physical;
    unsigned length_bytes;
    unsigned faulty;  /* bit n: byte n still holds what was put in */
    bool settled;     /* the activation is known */
    uint64_t hold_mask;
    uint64_t hold_value;
    uint64_t stored;  /* last, before it was made to be as held */
    bool (*still)(uint64_t physical);
} memory;

static struct {
    struct experiment_record *record;
    uint64_t address;
    unsigned length_bytes;
    bool settled;
} code;

static uint64_t settled_at; /* address of the instruction */
static enum activation settled_as;

static void settle_work(struct CPUState *cpu, void *argument)
{
    struct experiment_record *record = argument;

    (void)cpu;
    results_activation(record, settled_as);
    record->activation_rip = settled_at;
}

/* Registers and time are not to be had within a block: the rest is done at its end. */
static void settle(struct experiment_record *record, enum activation activation, uint64_t instruction)
{
    settled_at = instruction;
    settled_as = activation;
    qemu.async_run_on_cpu(machine_cpu, settle_work, record);
}

static void hold_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    if (memory.hold_mask && !memory.still(memory.physical)) {
        memory.hold_mask = 0;
        memcpy(machine_host_memory(memory.physical, memory.length_bytes), &memory.stored, memory.length_bytes);
    }
}

static void hold(void)
{
    uint8_t *bytes = machine_host_memory(memory.physical, memory.length_bytes);
    uint64_t value;

    memory.stored = 0;
    memcpy(&memory.stored, bytes, memory.length_bytes);
    value = (memory.stored & ~memory.hold_mask) | (memory.hold_value & memory.hold_mask);
    memcpy(bytes, &value, memory.length_bytes);
    if (memory.still) {
        qemu.async_run_on_cpu(machine_cpu, hold_work, NULL);
    }
}

/* Bit n: byte n of what is watched belongs to the access. */
static unsigned bytes_touched(uint64_t physical, unsigned size_bytes)
{
    unsigned touched = 0;

    for (unsigned i = 0; i < memory.length_bytes; i++) {
        uint64_t byte = memory.physical + i;

        touched |= (unsigned)(byte >= physical && byte < physical + size_bytes) << i;
    }
    return touched;
}

static void touched(unsigned bytes, bool store, uint64_t instruction)
{
    if (store && memory.hold_mask) {
        hold();
    }
    if (memory.settled) {
        return;
    }
    if (!store && bytes & memory.faulty) {
        memory.settled = true;
        settle(memory.record, ACTIVATION_USED, instruction);
    } else if (store && !memory.hold_mask) {
        memory.faulty &= ~bytes;
        if (memory.faulty == 0) {
            memory.settled = true;
            settle(memory.record, ACTIVATION_REPLACED, instruction);
        }
    }
}

static void accessed(unsigned cpu_index, uint32_t information, uint64_t address, void *instruction)
{
    unsigned size_bytes = 1u << qemu.qemu_plugin_mem_size_shift(information);
    uint64_t distance = (memory.physical - address) & PAGE_MASK;
    void *place;
    unsigned bytes;

    (void)cpu_index;
    if (!memory.record) {
        return;
    }
    /* The first byte watched is less than the access's size after its start, or the other way round. */
    if (distance >= size_bytes && PAGE_BYTES - distance >= memory.length_bytes) {
        return;
    }
    if ((memory.settled && !memory.hold_mask) ||
        !(place = qemu.qemu_plugin_get_hwaddr(information, address))) {
        return;
    }
    bytes = bytes_touched(qemu.qemu_plugin_hwaddr_phys_addr(place), size_bytes);
    if (bytes) {
        touched(bytes, qemu.qemu_plugin_mem_is_store(information), (uint64_t)(uintptr_t)instruction);
    }
}

static bool holds_code(uint64_t address, uint64_t size_bytes)
{
    return code.record && address < code.address + code.length_bytes && address + size_bytes > code.address;
}

/* `packed`: the instruction's address, and its size from bit SIZE_SHIFT on. */
static void fetched(unsigned cpu_index, void *packed)
{
    uint64_t size_bytes = (uint64_t)(uintptr_t)packed >> SIZE_SHIFT;
    uint64_t address = (uint64_t)(uintptr_t)packed & ((1ull << SIZE_SHIFT) - 1);

    (void)cpu_index;
    if (!code.settled && holds_code(address, size_bytes)) {
        code.settled = true;
        settle(code.record, ACTIVATION_USED, address);
    }
}

void watch_memory(struct experiment_record *record, uint64_t physical, unsigned length_bytes)
{
    memset(&memory, 0, sizeof(memory));
    memory.record = record;
    memory.physical = physical;
    memory.length_bytes = length_bytes;
    memory.faulty = (1u << length_bytes) - 1;
    qemu.tb_flush(machine_cpu);
}

void watch_memory_hold(uint64_t mask, uint64_t value, bool (*still)(uint64_t physical))
{
    memory.hold_mask = mask;
    memory.hold_value = value;
    memory.still = still;
}

void watch_code(struct experiment_record *record, uint64_t address, unsigned length_bytes)
{
    code.record = record;
    code.address = address;
    code.length_bytes = length_bytes;
    code.settled = false;
}

void watch_translated(struct qemu_plugin_insn *instruction)
{
    uint64_t address = qemu.qemu_plugin_insn_vaddr(instruction);
    uint64_t size_bytes = qemu.qemu_plugin_insn_size(instruction);
    /* The slow engine cannot have anything translated anew when there is something to watch. */
    bool always = stub_is_used();

    if (memory.record || always) {
        qemu.qemu_plugin_register_vcpu_mem_cb(instruction, accessed, CALLBACK_NO_REGISTERS, MEMORY_ACCESS_BOTH,
                                              (void *)(uintptr_t)address);
    }
    if (holds_code(address, size_bytes) || (always && service_of_address(address) != SERVICE_NONE)) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, fetched, CALLBACK_NO_REGISTERS,
                                                    (void *)(uintptr_t)(address | size_bytes << SIZE_SHIFT));
    }
}

bool watch_memory_goes_on(void)
{
    return memory.record && (memory.hold_mask || memory.record->activation == ACTIVATION_NOT_SEEN);
}
