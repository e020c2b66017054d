/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stepping by a timer of virtual time that is due one instruction later. */
#include "watch.h"

#include "plan.h"
#include "service.h"
#include "stops.h"

#include <string.h>

enum { FLAG_TF = 1 << 8, FLAG_IF = 1 << 9, FLAG_IOPL = 3 << 12, FLAG_RF = 1 << 16, FLAG_AC = 1 << 18 };
enum { FLAGS_IN_FORCE = FLAG_TF | FLAG_IF | FLAG_IOPL | FLAG_AC };

static uint64_t timer_storage[TIMER_STORAGE_BYTES / sizeof(uint64_t)];
static void (*step_handler)(void);

static struct {
    struct experiment_record *record;
    bool (*visit)(const struct instruction *instruction);
    uint64_t cr3;
    int service;
    unsigned number;
    uint64_t mask;
    uint64_t held;
} watch;

static bool stepping;
static bool watching;

bool watch_goes_on(void)
{
    return stepping || watching;
}

static void step_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    stepping = false;
    step_handler();
}

static void step_due(void *argument)
{
    if (qemu.qemu_cpu_is_self(machine_cpu)) {
        step_work(machine_cpu, argument);
    } else {
        qemu.async_run_on_cpu(machine_cpu, step_work, argument);
    }
}

void watch_one_step(void (*done)(void))
{
    if (!step_handler) {
        qemu.timer_init_full(timer_storage, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, step_due, NULL);
    }
    step_handler = done;
    stepping = true;
    qemu.timer_mod_ns(timer_storage, machine_time() + 1);
}

/* Where the machine is now decides how the watch goes on. */
static void watch_here(void)
{
    uint8_t bytes[INSTRUCTION_BYTES_MAX];
    struct instruction instruction;
    uint64_t rip = machine_register(REGISTER_RIP);
    size_t available = sizeof(bytes);

    if (machine_privilege() != 3 || machine_cr3() != watch.cr3 || service_of_address(rip) != watch.service) {
        stops_await_kernel_exit(watch_here);
        return;
    }
    if (watch.record->watched_instructions++ >= WATCH_INSTRUCTIONS_MAX) {
        watching = false;
        return;
    }
    while (available > 0 && !machine_read(rip, bytes, available)) {
        available--; /* the next page may be absent */
    }
    instruction_decode(bytes, available, &instruction);
    watching = !watch.visit(&instruction);
    if (watching) {
        watch_one_step(watch_here);
    }
}

void watch_instructions(struct experiment_record *record, bool (*visit)(const struct instruction *instruction))
{
    watch_service(record, service_of_address(machine_register(REGISTER_RIP)), machine_cr3(), visit);
}

void watch_service(struct experiment_record *record, int service, uint64_t cr3,
                   bool (*visit)(const struct instruction *instruction))
{
    watch.record = record;
    watch.visit = visit;
    watch.cr3 = cr3;
    watch.service = service;
    watching = true;
    watch_here();
}

static bool settle(enum activation activation)
{
    results_activation(watch.record, activation);
    return true;
}

static bool register_is_used(const struct instruction *decoded)
{
    struct instruction instruction = *decoded;

    if (instruction.system_call) {
        instruction_add_call_arguments(&instruction);
    }
    return !instruction.known || (instruction.read[watch.number] & watch.mask);
}

static bool visit_for_register(const struct instruction *instruction)
{
    if (register_is_used(instruction)) {
        return settle(ACTIVATION_USED);
    }
    watch.mask &= ~instruction->written[watch.number];
    return watch.mask == 0 && settle(ACTIVATION_REPLACED);
}

static bool visit_for_flag(const struct instruction *instruction)
{
    if (!instruction->known || (instruction->flags_read & watch.mask)) {
        return settle(ACTIVATION_USED);
    }
    if (instruction->flags_written & watch.mask) {
        return settle(ACTIVATION_REPLACED);
    }
    return false;
}

static bool visit_to_hold(const struct instruction *instruction)
{
    uint64_t value = machine_register(watch.number);
    uint64_t held = (value & ~watch.mask) | watch.held;

    if (value != held) {
        watch.record->after = held;
        machine_set_register(watch.number, held);
    }
    if (watch.record->activation == ACTIVATION_NOT_SEEN && register_is_used(instruction)) {
        settle(ACTIVATION_USED);
    }
    return watch.record->watched_instructions >= HOLD_INSTRUCTIONS;
}

void watch_register_held(struct experiment_record *record, unsigned number, uint64_t mask, uint64_t value)
{
    watch.record = record;
    watch.number = number;
    watch.mask = mask;
    watch.held = value & mask;
    watch_instructions(record, visit_to_hold);
}

void watch_register(struct experiment_record *record, unsigned number, uint64_t mask)
{
    watch.record = record;
    watch.number = number;
    watch.mask = mask;
    if (number == REGISTER_RIP) {
        results_activation(record, ACTIVATION_USED);
    } else if (number != FAULT_REGISTER_FLAGS) {
        watch_instructions(record, visit_for_register);
    } else if (mask & FLAGS_IN_FORCE) {
        results_activation(record, ACTIVATION_USED);
    } else if (mask & FLAG_RF) {
        results_activation(record, ACTIVATION_REPLACED);
    } else {
        watch_instructions(record, visit_for_flag);
    }
}
