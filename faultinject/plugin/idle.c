/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU skips virtual time when all processors are idle. For an empty loop the processor is made to look halted while that
 * is done, and a timer of our own ends the skipping after whole rounds. Where no flag is found loops are executed.
 */
#include "idle.h"

#include "machine.h"

#include <string.h>

enum { NOP = 0x90, JUMP_SHORT = 0xeb, HALT = 0xf4, LOOP_BYTES_MAX = 128, ANY_TIMER = -1 };

static uint64_t rounds_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];
static uint32_t *halted;
static bool loops_are_executed;

void idle_execute_loops(void)
{
    loops_are_executed = true;
}

unsigned idle_loop_instructions(const uint8_t *bytes, size_t length_bytes)
{
    unsigned nops = 0;

    while (nops + 1 < length_bytes && bytes[nops] == NOP) {
        nops++;
    }
    return nops + 1 < length_bytes && bytes[nops] == JUMP_SHORT && bytes[nops + 1] == (uint8_t)-(nops + 2) ? nops + 1
                                                                                                        : 0;
}

static void rounds_over(void *argument)
{
    (void)argument;
}

static void rounds_skip(unsigned instructions)
{
    int64_t ahead = qemu.qemu_clock_deadline_ns_all(CLOCK_VIRTUAL_NS, ANY_TIMER);

    if (ahead < (int64_t)instructions) {
        return;
    }
    qemu.timer_mod_ns(rounds_timer, machine_time() + ahead - ahead % instructions);
    *halted = 1;
    qemu.icount_start_warp_timer(); /* not if an interrupt is waiting to be taken */
    *halted = 0;
    qemu.timer_del(rounds_timer);
    qemu.qemu_clock_run_timers(CLOCK_VIRTUAL_NS);
}

/* The loop may have been left meanwhile, so it is looked for where the processor is. */
static void loop_work(struct CPUState *cpu, void *argument)
{
    uint8_t bytes[LOOP_BYTES_MAX];
    size_t available = sizeof(bytes);
    uint64_t rip = machine_register(REGISTER_RIP);
    unsigned instructions;

    (void)cpu;
    (void)argument;
    while (available > 0 && !machine_read(rip, bytes, available)) {
        available--; /* the next page may be absent */
    }
    instructions = idle_loop_instructions(bytes, available);
    if (instructions > 0) {
        rounds_skip(instructions);
    }
}

/* A round is about to be executed; the work runs after it. */
static void loop_begins(unsigned cpu_index, void *argument)
{
    (void)cpu_index;
    qemu.async_run_on_cpu(machine_cpu, loop_work, argument);
}

/* A timer may have queued work, which makes the processor look busy: then this is looked at again behind that work. */
static void halt_work(struct CPUState *cpu, void *argument)
{
    bool expired = false;

    (void)cpu;
    (void)argument;
    while (qemu.all_cpu_threads_idle()) {
        qemu.icount_start_warp_timer();
        if (!qemu.qemu_clock_run_timers(CLOCK_VIRTUAL_NS)) {
            return;
        }
        expired = true;
    }
    if (expired) {
        qemu.async_run_on_cpu(machine_cpu, halt_work, NULL);
    }
}

/* HLT is about to be executed; the work runs after it. A forked child has no main loop to do it. */
static void halt_begins(unsigned cpu_index, void *argument)
{
    (void)cpu_index;
    qemu.async_run_on_cpu(machine_cpu, halt_work, argument);
}

static bool can_skip_rounds(void)
{
    static bool looked;

    if (!looked && machine_cpu) {
        looked = true;
        halted = machine_halted();
        qemu.timer_init_full(rounds_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, rounds_over, NULL);
    }
    return halted != NULL;
}

void idle_translated(struct qemu_plugin_tb *block)
{
    size_t count = qemu.qemu_plugin_tb_n_insns(block);
    uint8_t bytes[LOOP_BYTES_MAX];
    size_t length_bytes = 0;

    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu.qemu_plugin_tb_get_insn(block, i);
        uint8_t own[INSTRUCTION_BYTES_MAX];
        size_t own_bytes = qemu_instruction_bytes(instruction, own, sizeof(own));

        if (own_bytes == 1 && own[0] == HALT) {
            qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, halt_begins, CALLBACK_NO_REGISTERS, NULL);
        }
        if (length_bytes == i && length_bytes + own_bytes <= sizeof(bytes)) { /* all before it were of one byte */
            memcpy(bytes + length_bytes, own, own_bytes);
            length_bytes += own_bytes;
        }
    }
    if (!loops_are_executed && idle_loop_instructions(bytes, length_bytes) == count && can_skip_rounds()) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(qemu.qemu_plugin_tb_get_insn(block, 0), loop_begins,
                                                    CALLBACK_NO_REGISTERS, NULL);
    }
}
