/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU has a table of translations for each kind of access, which are numbered differently in its versions. Rule: a table is
 * kept only if it was shown what it is for. One through which a page of the kernel can be read and a page of a program cannot
 * holds pages of the kernel alone; one through which addresses that are mapped nowhere lead to the physical memory of the
 * same number holds physical addresses.
 */
#include "switches.h"

#include "machine.h"
#include "redirect.h"
#include "symbols.h"

#include <string.h>

enum {
    TABLES_MOST = 16,
    TABLES_ALL = 0xffff,
    TABLES_LEAST = 4,
    LOAD = 0,
    PAGE_BYTES = 4096,
    LARGE_PAGE_BYTES = 1 << 21,
    ENTRIES = 512,
    LEVELS = 4
};
#define ENTRY_PRESENT  0x1ull
#define ENTRY_USER     0x4ull
#define ENTRY_ACCESSED 0x20ull
#define ENTRY_LARGE    0x80ull
#define ENTRY_GLOBAL   0x100ull
#define ENTRY_ADDRESS  0x000ffffffffff000ull
#define ENTRY_NO_EXECUTE (1ull << 63)
#define LARGE_ADDRESS  0x000fffffffe00000ull
#define KERNEL_HALF    0xffff800000000000ull
#define CR0_PAGING       0x80000000ull
#define CR4_GLOBAL_PAGES 0x80ull
#define LOW_MEMORY     (1ull << 30)

static void (*flush_tables)(struct CPUState *cpu, uint16_t tables);
static void *(*host_address)(void *processor, uint64_t address, int access, int table);

static void *processor;
static uint64_t stretches[TABLES_MOST]; /* of those that may be kept: where they may be filled from */
static bool stretches_known;
static uint16_t kept;
static uint64_t kernel_address; /* some page of the kernel that was accessed */
static uint64_t kernel_stretch; /* a large one */
static uint64_t physical_stretch;
static uint64_t code_start = UINT64_MAX;
static uint64_t code_end;
static uint64_t *control; /* CR0 to CR4, within the processor */

/* In the place of QEMU's cpu_x86_update_cr3(). */
static void cr3_write(void *processor_of_call, uint64_t value)
{
    (void)processor_of_call;
    control[3] = value;
    if (control[0] & CR0_PAGING) {
        flush_tables(machine_cpu, (uint16_t)(TABLES_ALL & ~kept));
    }
}

/* Where the control registers are, is read from the function that writes one: mov %rsi,PLACE(%rdi). */
static bool control_find(const uint8_t *function)
{
    static const uint8_t head[] = {0x48, 0x89, 0xb7};
    uint32_t at;

    if (!function || memcmp(function, head, sizeof(head)) != 0) {
        return false;
    }
    memcpy(&at, function + sizeof(head), sizeof(at));
    control = (uint64_t *)(void *)((uint8_t *)processor + at) - 3;
    return control[0] == machine_cr0() && control[2] == machine_cr2() && control[3] == machine_cr3() &&
           control[4] == machine_cr4();
}

static void code_note(uint64_t entry, uint64_t bytes)
{
    uint64_t start = entry & ENTRY_ADDRESS & ~(bytes - 1);

    if (!(entry & ENTRY_NO_EXECUTE)) {
        code_start = start < code_start ? start : code_start;
        code_end = start + bytes > code_end ? start + bytes : code_end;
    }
}

bool switches_kernel_code(uint64_t physical)
{
    return physical >= code_start && physical < code_end;
}

bool switches_kernel_code_known(void)
{
    return stretches_known && code_start < code_end;
}

/* Whether all pages below a table of the kernel are global and its own; notes some that were accessed. */
static bool kernel_is_global(uint64_t table, int level, uint64_t address)
{
    const uint64_t *entries = (const uint64_t *)(void *)machine_host_memory(table & ENTRY_ADDRESS, PAGE_BYTES);
    uint64_t bytes = (uint64_t)PAGE_BYTES << (9 * level);

    for (unsigned i = level == LEVELS - 1 ? ENTRIES / 2 : 0; entries && i < ENTRIES; i++) {
        uint64_t entry = entries[i];
        uint64_t here = (address + i * bytes) | (level == LEVELS - 1 ? KERNEL_HALF : 0);
        bool leaf = level == 0 || entry & ENTRY_LARGE;

        if (!(entry & ENTRY_PRESENT)) {
            continue;
        }
        if (!leaf) {
            if (!kernel_is_global(entry, level - 1, here)) {
                return false;
            }
            continue;
        }
        if (!(entry & ENTRY_GLOBAL) || entry & ENTRY_USER) {
            return false;
        }
        code_note(entry, bytes);
        if (entry & ENTRY_ACCESSED && bytes == PAGE_BYTES) {
            kernel_address = here;
        } else if (entry & ENTRY_ACCESSED && bytes == LARGE_PAGE_BYTES &&
                   machine_host_memory(entry & LARGE_ADDRESS, LARGE_PAGE_BYTES)) {
            kernel_stretch = here;
        }
    }
    return entries != NULL;
}

/* Physical memory whose number is no address. Its upper page tables are those of `rip`, so that nothing new is accessed. */
static uint64_t physical_find(uint64_t rip)
{
    uint64_t entry_physical;
    uint64_t entry;

    for (uint64_t physical = LARGE_PAGE_BYTES; rip < LOW_MEMORY && physical < LOW_MEMORY &&
                                               machine_host_memory(physical, LARGE_PAGE_BYTES);
         physical += LARGE_PAGE_BYTES) {
        if (!machine_page_entry(physical, &entry_physical, &entry)) {
            return physical;
        }
    }
    return 0;
}

/* How many tables there are, is read from the function that empties all: mov $MASK,%esi. */
static unsigned tables_count(const uint8_t *function)
{
    enum { SEARCHED_BYTES = 48, MOVE_TO_ESI = 0xbe };
    uint32_t mask;

    for (unsigned at = 0; at < SEARCHED_BYTES; at++) {
        memcpy(&mask, function + at + 1, sizeof(mask));
        if (function[at] == MOVE_TO_ESI && mask <= TABLES_ALL && mask >= (1u << TABLES_LEAST) - 1 && !(mask & (mask + 1))) {
            return (unsigned)__builtin_popcount(mask);
        }
    }
    return 0;
}

static void tables_learn(unsigned tables, uint64_t rip)
{
    for (unsigned table = 0; table < tables; table++) {
        bool kernel = host_address(processor, kernel_address, LOAD, (int)table);
        bool program = host_address(processor, rip, LOAD, (int)table);
        const uint8_t *physical = host_address(processor, physical_stretch, LOAD, (int)table);

        if (kernel && !program && !physical) {
            stretches[table] = kernel_stretch;
        } else if (!kernel && !program && physical == machine_host_memory(physical_stretch, 1)) {
            stretches[table] = physical_stretch;
        }
        stretches_known |= stretches[table] != 0;
    }
}

/* QEMU's processor begins with the registers, in our order. */
static void *processor_find(void)
{
    const struct state_field *field = qemu_first_state_field("vmstate_x86_cpu", "env.regs");
    const uint64_t *registers = field ? (const uint64_t *)(void *)((uint8_t *)machine_cpu + field->offset) : NULL;

    for (unsigned number = 0; registers && number < REGISTER_COUNT; number++) {
        if (registers[number] != machine_register(number)) {
            return NULL;
        }
    }
    return (void *)(uintptr_t)registers;
}

void switches_learn(void)
{
    void *flush = symbol_find("tlb_flush");
    void *flush_some = symbol_find("tlb_flush_by_mmuidx");
    void *address = symbol_find("tlb_vaddr_to_host");
    uint64_t rip = machine_register(REGISTER_RIP);

    processor = processor_find();
    memcpy(&flush_tables, &flush_some, sizeof(flush_tables));
    memcpy(&host_address, &address, sizeof(host_address));
    if (!flush_some || !address || !processor || !control_find(symbol_find("cpu_x86_update_cr3")) ||
        machine_privilege() != 3 || !(control[4] & CR4_GLOBAL_PAGES) || !kernel_is_global(machine_cr3(), LEVELS - 1, 0) || !kernel_address || !kernel_stretch) {
        return;
    }
    physical_stretch = physical_find(rip);
    if (physical_stretch) {
        tables_learn(tables_count(flush), rip);
    }
}

/* QEMU makes a table larger when it is emptied full: one that is kept is to hold what is wanted without collisions. */
static void table_grow(unsigned table, uint64_t stretch)
{
    enum { ROUNDS = 3, FILLED_PAGES = 170 };

    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned page = 0; page < FILLED_PAGES; page++) {
            host_address(processor, stretch + (uint64_t)page * PAGE_BYTES, LOAD, (int)table);
        }
        flush_tables(machine_cpu, (uint16_t)(1u << table));
    }
}

bool switches_keep(void)
{
    if (!stretches_known || !redirect(symbol_find("cpu_x86_update_cr3"), (void *)(uintptr_t)cr3_write)) {
        return false;
    }
    for (unsigned table = 0; table < TABLES_MOST; table++) {
        if (stretches[table]) {
            table_grow(table, stretches[table]);
            kept |= (uint16_t)(1u << table);
        }
    }
    return true;
}

void switches_forget(void)
{
    kept = 0;
    qemu.tlb_flush(machine_cpu);
}
