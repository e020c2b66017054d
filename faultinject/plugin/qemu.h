/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this plugin uses of QEMU, declared by itself: no header of QEMU is needed to build it, and one shared
 * object serves QEMU 7.2 (plugin API 1) and 10 (plugin API 4 and later). Every function is looked up by name when
 * the plugin is loaded; one that is missing is named and the run is refused, never begun and then broken.
 *
 * Distributors that build QEMU with loadable modules export all of these functions from the executable; in other builds
 * they are found as long as there are symbols (symbols.h).
 */
#ifndef FAULTINJECT_QEMU_H
#define FAULTINJECT_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct CPUState;
struct RAMBlock;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

/* GLib's GByteArray, as far as it is read here. */
struct byte_array {
    uint8_t *data;
    unsigned length_bytes;
};

enum { CLOCK_VIRTUAL_NS = 1, TIMER_SCALE_NS = 1, TIMER_STORAGE_BYTES = 512 };

/* Flags of a callback: what it may do with the guest's registers. */
enum { CALLBACK_NO_REGISTERS = 0, CALLBACK_READS_REGISTERS = 1, CALLBACK_WRITES_REGISTERS = 2 };

typedef void vcpu_work(struct CPUState *cpu, void *argument);

/* F(return type, name, arguments) for each function that must be there. */
#define QEMU_FUNCTIONS(F)                                                                                    \
    /* The documented plugin interface. */                                                                   \
    F(void, qemu_plugin_register_vcpu_tb_trans_cb, (uint64_t, void (*)(uint64_t, struct qemu_plugin_tb *)))  \
    F(void, qemu_plugin_register_vcpu_insn_exec_cb,                                                          \
      (struct qemu_plugin_insn *, void (*)(unsigned, void *), int, void *))                                  \
    F(size_t, qemu_plugin_tb_n_insns, (const struct qemu_plugin_tb *))                                       \
    F(struct qemu_plugin_insn *, qemu_plugin_tb_get_insn, (const struct qemu_plugin_tb *, size_t))           \
    F(uint64_t, qemu_plugin_insn_vaddr, (const struct qemu_plugin_insn *))                                   \
    F(size_t, qemu_plugin_insn_size, (const struct qemu_plugin_insn *))                                      \
    F(void, qemu_plugin_register_vcpu_mem_cb,                                                                \
      (struct qemu_plugin_insn *, void (*)(unsigned, uint32_t, uint64_t, void *), int, int, void *))         \
    F(unsigned, qemu_plugin_mem_size_shift, (uint32_t))                                                      \
    F(bool, qemu_plugin_mem_is_store, (uint32_t))                                                            \
    F(void *, qemu_plugin_get_hwaddr, (uint32_t, uint64_t))                                                  \
    F(uint64_t, qemu_plugin_hwaddr_phys_addr, (const void *))                                                \
    /* The processor: work done between two of its instructions, its registers. */                           \
    F(struct CPUState *, qemu_get_cpu, (int))                                                                \
    F(bool, qemu_cpu_is_self, (struct CPUState *))                                                           \
    F(void, async_run_on_cpu, (struct CPUState *, vcpu_work *, void *))                                      \
    F(void, cpu_loop_exit_restore, (struct CPUState *, uintptr_t))                                           \
    F(bool, all_cpu_threads_idle, (void))                                                                    \
    F(void, tlb_flush, (struct CPUState *))                                                                  \
    F(void, tb_flush, (struct CPUState *))                                                                   \
    F(void, cpu_interrupt, (struct CPUState *, int))                                                         \
    F(void, cpu_reset_interrupt, (struct CPUState *, int))                                                   \
    F(int, x86_cpu_gdb_read_register, (struct CPUState *, struct byte_array *, int))                         \
    F(int, x86_cpu_gdb_write_register, (struct CPUState *, uint8_t *, int))                                  \
    F(struct byte_array *, g_byte_array_new, (void))                                                         \
    F(struct byte_array *, g_byte_array_set_size, (struct byte_array *, unsigned))                           \
    /* Virtual time, which is the count of executed instructions plus skipped idle time. */                  \
    F(void, timer_init_full, (void *, void *, int, int, int, void (*)(void *), void *))                      \
    F(void, timer_mod_ns, (void *, int64_t))                                                                 \
    F(void, timer_del, (void *))                                                                             \
    F(int64_t, qemu_clock_get_ns, (int))                                                                     \
    F(int64_t, qemu_clock_deadline_ns_all, (int, int))                                                       \
    F(bool, qemu_clock_run_timers, (int))                                                                    \
    F(int64_t, icount_get_raw, (void))                                                                       \
    F(void, icount_start_warp_timer, (void))                                                                 \
    /* Memory. */                                                                                            \
    F(int, cpu_memory_rw_debug, (struct CPUState *, uint64_t, void *, size_t, bool))                         \
    F(void, cpu_physical_memory_rw, (uint64_t, void *, uint64_t, bool))                                      \
    F(int, qemu_ram_foreach_block, (int (*)(struct RAMBlock *, void *), void *))                             \
    F(void *, qemu_ram_get_host_addr, (struct RAMBlock *))                                                   \
    F(uint64_t, qemu_ram_get_used_length, (struct RAMBlock *))                                               \
    F(const char *, qemu_ram_get_idstr, (struct RAMBlock *))                                                 \
    /* The state of devices and processor, as for migration. */                                              \
    F(void *, qio_channel_file_new_fd, (int))                                                                \
    F(void *, qemu_file_new_output, (void *))                                                                \
    F(void *, qemu_file_new_input, (void *))                                                                 \
    F(void, global_state_store_running, (void))                                                              \
    F(int, qemu_fclose, (void *))                                                                            \
    F(int, qemu_save_device_state, (void *))                                                                 \
    F(int, qemu_load_device_state, (void *))                                                                 \
    /* Stopping for a debugger. */                                                                           \
    F(int, vm_stop, (int))                                                                                   \
    F(void *, qemu_add_vm_change_state_handler, (void (*)(void *, bool, int), void *))                       \
    /* Ends that the machine asked for and that only QEMU's main loop would carry out. */                    \
    F(int, qemu_reset_requested_get, (void))                                                                 \
    F(int, qemu_shutdown_requested_get, (void))

struct qemu_functions {
#define QEMU_MEMBER(type, name, arguments) type(*name) arguments;
    QEMU_FUNCTIONS(QEMU_MEMBER)
#undef QEMU_MEMBER
};

/* Valid after qemu_find_functions() returned true. */
extern struct qemu_functions qemu;

/*
 * Looks up every function, or only those of the plugin interface, which every build exports (and GLib's). Returns false when
 * one is missing, after a message on stderr that names all that are missing and says which builds of QEMU have them. Called
 * once, when the plugin is installed.
 */
bool qemu_find_functions(bool interface_only);

/* The head of QEMU's struct VMStateField, 7.2 to 10.x. */
struct state_field {
    const char *name;
    const char *hint;
    size_t offset;
    size_t size;
};

/* The first field of the migrated state with this description; NULL where it has not this name. */
const struct state_field *qemu_first_state_field(const char *description, const char *name);

/*
 * Copies at most `capacity` bytes of an instruction's encoding to `bytes`; returns how many. Only while its block
 * is being translated.
 */
size_t qemu_instruction_bytes(const struct qemu_plugin_insn *instruction, uint8_t *bytes, size_t capacity);

#endif
