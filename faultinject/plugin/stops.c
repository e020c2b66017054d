/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a block is to this plugin is fixed when it is translated and packed into the callback's argument: the hook on
 * its first instruction, its service, its number of instructions, and its address. A block is left at most once for
 * the same stop: when execution comes back to it, the stop is recognised and passed.
 */
#include "stops.h"

#include "idle.h"
#include "results.h"
#include "rewritten.h"
#include "service.h"
#include "stub.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum hook { HOOK_NONE, HOOK_VERDICT, HOOK_FAILURE, HOOK_RECOVERY, HOOK_MARK };

/* Site: address (48 bits), hook (3 bits), service + 1 (4 bits), instructions (9 bits). */
enum { SITE_HOOK_SHIFT = 13, SITE_SERVICE_SHIFT = 9, SITE_ADDRESS_SHIFT = 16, SITE_INSTRUCTIONS_MAX = 511 };

static const struct stop_handlers *handlers;
static struct stop_addresses addresses;

static uint64_t passed_site; /* the stop that was taken and whose block is now to be executed */
static int current_service = SERVICE_NONE;
static void (*kernel_exit_handler)(void);
static bool entered_wanted;

static enum hook site_hook(uint64_t site)
{
    return (enum hook)((site >> SITE_HOOK_SHIFT) & 7);
}

static int site_service(uint64_t site)
{
    return (int)((site >> SITE_SERVICE_SHIFT) & 15) - 1;
}

static unsigned site_instructions(uint64_t site)
{
    return site & SITE_INSTRUCTIONS_MAX;
}

void stops_await_kernel_exit(void (*handler)(void))
{
    kernel_exit_handler = handler;
}

static void hook_handle(enum hook hook)
{
    uint8_t record[RECOVERY_BYTES];

    switch (hook) {
    case HOOK_VERDICT:
        handlers->verdict(machine_register(RDI), machine_register(RSI));
        break;
    case HOOK_FAILURE:
        if (handlers->failure) {
            handlers->failure();
        }
        break;
    case HOOK_RECOVERY:
        if (handlers->recovery && machine_read(machine_register(RDI), record, sizeof(record))) {
            handlers->recovery(record);
        }
        break;
    case HOOK_MARK:
        if (handlers->mark) {
            handlers->mark(machine_register(RDI));
        }
        break;
    case HOOK_NONE:
        break;
    }
}

static void stop_work(struct CPUState *cpu, void *argument)
{
    uint64_t site = (uint64_t)(uintptr_t)argument;
    int service = site_service(site);

    (void)cpu;
    if (handlers->moved && service != current_service) {
        current_service = service;
        handlers->moved(service);
    }
    if (entered_wanted && service != SERVICE_NONE) {
        entered_wanted = false;
        handlers->entered(service);
    }
    hook_handle(site_hook(site));
    if (machine_register(REGISTER_RIP) << SITE_ADDRESS_SHIFT != site >> SITE_ADDRESS_SHIFT << SITE_ADDRESS_SHIFT) {
        passed_site = 0; /* the handler sent the processor elsewhere: the block is not about to execute */
    }
}

static bool stop_wanted(uint64_t site)
{
    int service = site_service(site);

    if (site == passed_site) {
        passed_site = 0;
        return false;
    }
    if (service != SERVICE_NONE && handlers->service_block) {
        entered_wanted = handlers->service_block(service, site_instructions(site));
        if (entered_wanted) {
            return true;
        }
    }
    return site_hook(site) != HOOK_NONE || (handlers->moved && service != current_service);
}

/* Called from translated code, so that the return address names the place in it. */
static void block_begins(unsigned cpu_index, void *argument)
{
    uint64_t site = (uint64_t)(uintptr_t)argument;

    (void)cpu_index;
    if (!stop_wanted(site)) {
        return;
    }
    if (stub_is_used()) {
        stub_run_before((uint64_t)((int64_t)site >> SITE_ADDRESS_SHIFT), stop_work, argument);
        return;
    }
    passed_site = site;
    qemu.async_run_on_cpu(machine_cpu, stop_work, argument);
    qemu.cpu_loop_exit_restore(machine_cpu, (uintptr_t)__builtin_return_address(0));
}

static void kernel_exit_work(struct CPUState *cpu, void *argument)
{
    void (*handler)(void) = kernel_exit_handler;

    (void)cpu;
    (void)argument;
    kernel_exit_handler = NULL;
    rewritten_settle();
    if (handler) {
        handler();
    }
}

/* The slow engine cannot stop before an instruction unless it has stopped behind the one before. */
static bool stops_at_kernel_exits(void)
{
    return handlers->moved && stub_is_used();
}

/* SYSRET or IRET is about to execute; the work runs after it. */
static void kernel_exit_begins(unsigned cpu_index, void *argument)
{
    (void)cpu_index;
    if (kernel_exit_handler || stops_at_kernel_exits() || rewritten_noted()) {
        qemu.async_run_on_cpu(machine_cpu, kernel_exit_work, argument);
    }
}

static bool is_kernel_exit(const uint8_t *bytes, size_t length_bytes)
{
    return (length_bytes == 3 && bytes[0] == 0x48 && bytes[1] == 0x0f && bytes[2] == 0x07) ||
           (length_bytes == 2 && bytes[0] == 0x48 && bytes[1] == 0xcf);
}

static bool is_system_call(const uint8_t *bytes, size_t length_bytes)
{
    return length_bytes == 2 && bytes[0] == 0x0f && bytes[1] == 0x05;
}

static void count_up(unsigned cpu_index, void *counter)
{
    (void)cpu_index;
    ++*(uint64_t *)counter;
}

static void instruction_executes(unsigned cpu_index, void *number)
{
    (void)cpu_index;
    handlers->executes((uint32_t)(uintptr_t)number);
}

static enum hook hook_at(uint64_t address)
{
    const struct {
        uint64_t address;
        enum hook hook;
    } hooks[] = {{addresses.verdict, HOOK_VERDICT},
                 {addresses.failure, HOOK_FAILURE},
                 {addresses.recovery, HOOK_RECOVERY},
                 {addresses.mark, HOOK_MARK}};

    for (unsigned i = 0; address && i < sizeof(hooks) / sizeof(hooks[0]); i++) {
        if (hooks[i].address == address) {
            return hooks[i].hook;
        }
    }
    return HOOK_NONE;
}

static void instrument_block(struct qemu_plugin_insn *first, size_t instructions)
{
    uint64_t address = qemu.qemu_plugin_insn_vaddr(first);
    enum hook hook = hook_at(address);
    int service = service_of_address(address);
    uint64_t site = address << SITE_ADDRESS_SHIFT | (uint64_t)hook << SITE_HOOK_SHIFT |
                    (uint64_t)(service + 1) << SITE_SERVICE_SHIFT |
                    (instructions < SITE_INSTRUCTIONS_MAX ? instructions : SITE_INSTRUCTIONS_MAX);

    if (hook != HOOK_NONE || handlers->moved || (service != SERVICE_NONE && handlers->service_block)) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(first, block_begins, CALLBACK_WRITES_REGISTERS,
                                                    (void *)(uintptr_t)site);
    }
}

/* A hook inside a block would be passed unseen: functions that are hooked are entered by a call, so this is a fault of
 * the build under test and is said. */
static void check_hook_first(uint64_t address, size_t position)
{
    if (position > 0 && hook_at(address) != HOOK_NONE) {
        fprintf(stderr, "fault injection: hooked function at %#lx is entered without a call\n"
                        "  mend: keep it from being inlined or fallen into (noinline, noclone, noipa)\n", address);
        _exit(1);
    }
}

static void instrument_instruction(struct qemu_plugin_insn *instruction)
{
    uint8_t bytes[INSTRUCTION_BYTES_MAX] = {0};
    size_t length_bytes = qemu_instruction_bytes(instruction, bytes, sizeof(bytes));
    uint64_t *counter = NULL;

    if ((handlers->follows_kernel_exits || stops_at_kernel_exits()) && is_kernel_exit(bytes, length_bytes)) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, kernel_exit_begins, CALLBACK_NO_REGISTERS, NULL);
    }
    if (handlers->translated) {
        handlers->translated(instruction);
    }
    if (handlers->counts_replies && is_system_call(bytes, length_bytes)) {
        counter = service_reply_counter(qemu.qemu_plugin_insn_vaddr(instruction));
    } else if (handlers->counter) {
        counter = handlers->counter(qemu.qemu_plugin_insn_vaddr(instruction), bytes, (unsigned)length_bytes);
    }
    if (handlers->number && service_of_address(qemu.qemu_plugin_insn_vaddr(instruction)) != SERVICE_NONE) {
        uint32_t number = handlers->number(qemu.qemu_plugin_insn_vaddr(instruction), bytes, (unsigned)length_bytes);

        qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, instruction_executes, CALLBACK_NO_REGISTERS,
                                                    (void *)(uintptr_t)number);
    }
    if (counter) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, count_up, CALLBACK_NO_REGISTERS, counter);
    }
}

static void begin_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    machine_find();
    handlers->begin();
}

static void block_translated(uint64_t plugin_id, struct qemu_plugin_tb *block)
{
    static bool begun;
    size_t instructions = qemu.qemu_plugin_tb_n_insns(block);

    (void)plugin_id;
    if (stub_is_used()) {
        stub_translated(block);
    }
    if (!begun) {
        begun = true;
        qemu.async_run_on_cpu(qemu.qemu_get_cpu(0), begin_work, NULL);
    }
    instrument_block(qemu.qemu_plugin_tb_get_insn(block, 0), instructions);
    for (size_t i = 0; i < instructions; i++) {
        check_hook_first(qemu.qemu_plugin_insn_vaddr(qemu.qemu_plugin_tb_get_insn(block, i)), i);
        instrument_instruction(qemu.qemu_plugin_tb_get_insn(block, i));
    }
    if (handlers->skips_idle && !stub_is_used()) {
        idle_translated(block);
    }
}

void stops_install(uint64_t plugin_id, const struct stop_handlers *mode_handlers,
                   const struct stop_addresses *hooked_addresses)
{
    handlers = mode_handlers;
    addresses = *hooked_addresses;
    qemu.qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, block_translated);
}
