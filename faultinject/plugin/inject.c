/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults in registers, in memory and of the processor. A memory abort is transient, as when a transfer fails on the bus:
 * the page's entry is absent for the one access and is put back when the exception has been taken.
 */
#include "inject.h"

#include "service.h"
#include "sse.h"
#include "stops.h"
#include "switches.h"
#include "watch.h"
#include "watch_memory.h"

#include <string.h>

#define ENTRY_PRESENT 1ull
enum { PAGE_BYTES = 4096, DAMAGED_BYTES_MAX = 8 };

static struct experiment_record *record;

static uint64_t register_read(unsigned number)
{
    return number == FAULT_REGISTER_FLAGS ? machine_flags() : machine_register(number);
}

static void register_write(unsigned number, uint64_t value)
{
    if (number == FAULT_REGISTER_FLAGS) {
        machine_set_flags(value);
    } else {
        machine_set_register(number, value);
    }
}

/* False when the register was so already, or cannot be so. */
static bool register_change(unsigned number, uint64_t value)
{
    record->address = number;
    record->before = register_read(number);
    register_write(number, value);
    record->after = register_read(number);
    return record->before != record->after;
}

static void inject_register(unsigned number, const struct damage *damage)
{
    uint64_t mask = damage_mask(damage);

    if (damage->held) {
        register_change(number, damage_apply(damage, register_read(number)));
        watch_register_held(record, number, mask, damage_apply(damage, 0));
    } else if (register_change(number, damage_apply(damage, register_read(number)))) {
        watch_register(record, number, mask);
    } else {
        record->activation = ACTIVATION_IMPOSSIBLE;
    }
}

static void inject_assign(unsigned number, uint64_t value)
{
    if (register_change(number, value)) {
        watch_register(record, number, ~0ull);
    } else {
        record->activation = ACTIVATION_IMPOSSIBLE;
    }
}

void inject_bytes(struct experiment_record *experiment_record, uint64_t physical, const struct damage *damage,
                  bool (*still)(uint64_t physical))
{
    unsigned length = (damage->first_bit + damage->bits + 7) / 8;
    unsigned page_rest = PAGE_BYTES - (unsigned)(physical % PAGE_BYTES);

    length = length < DAMAGED_BYTES_MAX ? length : DAMAGED_BYTES_MAX;
    length = length < page_rest ? length : page_rest;
    if (!machine_host_memory(physical, length)) {
        experiment_record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    qemu.cpu_physical_memory_rw(physical, &experiment_record->before, length, false);
    experiment_record->after = damage_apply(damage, experiment_record->before);
    if (length < DAMAGED_BYTES_MAX) {
        experiment_record->after &= (1ull << (8 * length)) - 1;
    }
    if (experiment_record->after == experiment_record->before && !damage->held) {
        experiment_record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    qemu.cpu_physical_memory_rw(physical, &experiment_record->after, length, true);
    watch_memory(experiment_record, physical, length);
    if (damage->held) {
        watch_memory_hold(damage_mask(damage), damage_apply(damage, 0), still);
    }
}

static void inject_memory(uint64_t address, const struct damage *damage)
{
    uint64_t physical;

    record->address = address;
    if (!machine_physical(address, &physical)) {
        record->activation = ACTIVATION_IMPOSSIBLE;
        return;
    }
    inject_bytes(record, physical, damage, NULL);
    if (record->activation != ACTIVATION_IMPOSSIBLE && service_of_address(address) != SERVICE_NONE) {
        watch_code(record, address, (damage->first_bit + damage->bits + 7) / 8);
    }
}

static void inject_stack(uint64_t begin, const struct damage *damage)
{
    uint64_t top = machine_register(RSP);

    if (top >= begin) {
        record->activation = ACTIVATION_IMPOSSIBLE; /* it is empty */
        return;
    }
    inject_memory(top + damage_place(damage, begin - top), damage);
}

static void inject_kill(uint64_t address)
{
    record->address = REGISTER_RIP;
    record->before = machine_register(REGISTER_RIP);
    results_activation(record, ACTIVATION_USED);
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

bool inject_is_all(enum fault_kind kind)
{
    switch (kind) {
    case FAULT_NONE:
    case FAULT_REGISTER:
    case FAULT_ASSIGN:
    case FAULT_MEMORY:
    case FAULT_PHYSICAL:
    case FAULT_STACK:
    case FAULT_CODE:
    case FAULT_MUTATE:
    case FAULT_MEMORY_ABORT:
    case FAULT_HANG:
    case FAULT_KILL:
    case FAULT_REGION:
        return true;
    default:
        return false;
    }
}

bool inject_needs_no_symbols(const struct experiment *experiment)
{
    return experiment->second == SECOND_NONE;
}

void inject(const struct experiment *experiment, struct experiment_record *experiment_record)
{
    struct damage damage = damage_read(experiment->b);
    uint64_t a = experiment->a;

    record = experiment_record;
    switch (experiment->kind) {
    case FAULT_NONE:
        break;
    case FAULT_REGISTER:
        inject_register((unsigned)a, &damage);
        break;
    case FAULT_ASSIGN:
        inject_assign((unsigned)experiment->b, a);
        break;
    case FAULT_MEMORY:
        inject_memory(a, &damage);
        break;
    case FAULT_PHYSICAL:
        switches_forget();
        record->address = a;
        inject_bytes(record, a, &damage, NULL);
        break;
    case FAULT_STACK:
        inject_stack(a, &damage);
        break;
    case FAULT_CODE:
        inject_code(record, (unsigned)a, &damage);
        break;
    case FAULT_MUTATE:
        inject_mutation(record, (enum mutation)a, experiment->b);
        break;
    case FAULT_MEMORY_ABORT:
        watch_instructions(record, abort_at);
        break;
    case FAULT_HANG:
        inject_hang(record);
        break;
    case FAULT_DELAY:
        inject_delay(record, a);
        break;
    case FAULT_KILL:
        inject_kill(a);
        break;
    case FAULT_REGION:
        inject_region(record, a, &damage);
        break;
    case FAULT_EVENT_AGAIN:
        inject_event_again(record, a);
        break;
    case FAULT_QUOTA:
        inject_quota(record, a);
        break;
    case FAULT_SSE:
        inject_sse(record, (unsigned)a, &damage);
        break;
    }
}
