/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel gives the processor's SSE registers to a program when it uses one (CR0.TS): until then they are another's. So an
 * instruction counts only when it does not trap; and after each FXRSTOR the fault is in the processor if the faulty value is.
 */
#include "sse.h"

#include <string.h>

#define KERNEL_HALF (1ull << 63)
/* What is told of an instruction: its address, and from bit EFFECT_SHIFT on what it does. */
#define ADDRESS_MASK ((1ull << EFFECT_SHIFT) - 1)
enum { CR0_TS = 1 << 3, HALF_BITS = 64, EFFECT_SHIFT = 60 };

static struct {
    struct experiment_record *record; /* NULL: nothing is watched */
    bool expected;                    /* something will be */
    unsigned number;
    uint64_t faulty[2];
    bool loaded; /* the faulty register is in the processor */
    bool queued; /* the first instruction of a block to touch it is being looked at */
} sse;

/* After the block in which an instruction touched the register: unless it trapped, it has. */
static void settle_work(struct CPUState *cpu, void *packed)
{
    uint64_t instruction = (uint64_t)(uintptr_t)packed;

    (void)cpu;
    sse.queued = false;
    if (!sse.loaded || machine_cr0() & CR0_TS) {
        return;
    }
    results_activation(sse.record, instruction >> EFFECT_SHIFT == SSE_READ ? ACTIVATION_USED : ACTIVATION_REPLACED);
    sse.record->activation_rip = instruction & ADDRESS_MASK;
    sse.loaded = false;
}

static void touches(unsigned cpu_index, void *packed)
{
    (void)cpu_index;
    if (sse.loaded && !sse.queued) {
        sse.queued = true;
        qemu.async_run_on_cpu(machine_cpu, settle_work, packed);
    }
}

static void reload_work(struct CPUState *cpu, void *argument)
{
    uint64_t value[2];

    (void)cpu;
    (void)argument;
    machine_sse(sse.number, value);
    sse.loaded = memcmp(value, sse.faulty, sizeof(value)) == 0;
}

/* FXRSTOR is about to execute; the work runs after it. */
static void reloads(unsigned cpu_index, void *argument)
{
    (void)cpu_index;
    (void)argument;
    if (sse.record && sse.record->activation == ACTIVATION_NOT_SEEN) {
        qemu.async_run_on_cpu(machine_cpu, reload_work, NULL);
    }
}

static bool is_load_of_all(const uint8_t *bytes, size_t length_bytes)
{
    size_t at = length_bytes > 0 && (bytes[0] & 0xf0) == 0x40;

    return length_bytes >= at + 3 && bytes[at] == 0x0f && bytes[at + 1] == 0xae && (bytes[at + 2] >> 3 & 7) == 1;
}

void sse_translated(struct qemu_plugin_insn *instruction)
{
    uint8_t bytes[INSTRUCTION_BYTES_MAX];
    enum sse_effect effect;
    size_t length_bytes;

    if (!sse.record && !sse.expected) {
        return;
    }
    length_bytes = qemu_instruction_bytes(instruction, bytes, sizeof(bytes));
    effect = instruction_sse(bytes, length_bytes, sse.number);
    if (qemu.qemu_plugin_insn_vaddr(instruction) >= KERNEL_HALF) {
        if (is_load_of_all(bytes, length_bytes)) {
            qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, reloads, CALLBACK_NO_REGISTERS, NULL);
        }
    } else if (effect != SSE_NONE) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(
            instruction, touches, CALLBACK_NO_REGISTERS,
            (void *)(uintptr_t)(qemu.qemu_plugin_insn_vaddr(instruction) | (uint64_t)effect << EFFECT_SHIFT));
    }
}

void sse_expect(unsigned number)
{
    sse.expected = true;
    sse.number = number;
}

void inject_sse(struct experiment_record *record, unsigned number, const struct damage *damage)
{
    unsigned half = damage->first_bit / HALF_BITS & 1;
    struct damage of_half = *damage;

    of_half.first_bit %= HALF_BITS;
    record->address = number;
    machine_sse(number, sse.faulty);
    record->before = sse.faulty[half];
    record->after = sse.faulty[half] = damage_apply(&of_half, sse.faulty[half]);
    machine_set_sse(number, sse.faulty);
    sse.record = record;
    sse.number = number;
    sse.loaded = true;
    qemu.tb_flush(machine_cpu);
}
