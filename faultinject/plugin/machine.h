/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest machine as the rest of the plugin sees it: registers, memory, virtual time, captured output.
 * Registers and memory may be touched only between two instructions: in queued work, or in a timer that fired on
 * the processor's own thread.
 */
#ifndef FAULTINJECT_MACHINE_H
#define FAULTINJECT_MACHINE_H

#include "decode.h"
#include "qemu.h"

extern struct CPUState *machine_cpu;

/* Finds the processor and guest memory. Called once, in the first queued work. */
void machine_find(void);

/* Lets guest memory be inherited by a forked child, which QEMU forbids by default. */
void machine_allow_fork(void);

/* Virtual time in ns: one per executed instruction, plus skipped idle time. */
int64_t machine_time(void);

uint64_t machine_register(unsigned number); /* RAX.. or REGISTER_RIP */
void machine_set_register(unsigned number, uint64_t value);
uint64_t machine_flags(void);
void machine_set_flags(uint64_t value);
uint64_t machine_cr0(void);
uint64_t machine_cr2(void);
uint64_t machine_cr3(void);
uint64_t machine_cr4(void);
unsigned machine_privilege(void); /* 0 kernel .. 3 user */

/* An SSE register, its lower half first. */
void machine_sse(unsigned number, uint64_t value[2]);
void machine_set_sse(unsigned number, const uint64_t value[2]);

/* Virtual memory in the current address space. Return false when it is not mapped. */
bool machine_read(uint64_t address, void *bytes, size_t length_bytes);
bool machine_write(uint64_t address, const void *bytes, size_t length_bytes);

/*
 * Physical address of the lowest-level page-table entry that maps `address` in the current address space, and its
 * value; false when an upper level is absent.
 */
bool machine_page_entry(uint64_t address, uint64_t *entry_physical, uint64_t *entry);
/* Translates a virtual address of the current address space; false when it is not mapped. */
bool machine_physical(uint64_t address, uint64_t *physical);
uint64_t machine_read_physical(uint64_t physical);
void machine_write_physical(uint64_t physical, uint64_t value);

/* Host address of guest-physical memory (start + length within RAM), or NULL. */
uint8_t *machine_host_memory(uint64_t physical, uint64_t length_bytes);

/* What physical address 0 is in QEMU's own numbering of all memory; false where that is not told. */
bool machine_memory_offset(uint64_t *offset);

/* Bytes of guest RAM. */
uint64_t machine_memory_bytes(void);

/*
 * QEMU's flag that the processor halted. Where it is, which no function tells, is read from QEMU's own description of the state
 * that it migrates. NULL if it does not say.
 */
uint32_t *machine_halted(void);

/* Effective address of the memory operand of an instruction that is about to be executed. */
uint64_t machine_effective_address(const struct instruction *instruction);

/* Captured outputs: the kernel's log, the console, the second console. */
enum { OUTPUT_LOG, OUTPUT_CONSOLE, OUTPUT_ERROR, OUTPUT_COUNT };

/* The file that a character device writes to; given by the plugin's options. */
void machine_output_path(unsigned output, const char *path);
/* Bytes written so far. */
uint64_t machine_output_bytes(unsigned output);
/* From now on this process's output goes to anonymous memory; what was written before stays as it is. */
void machine_divert_outputs(void);
bool machine_outputs_diverted(void);
/* While silenced, what the machine writes goes to anonymous memory and is lost afterwards. */
void machine_silence_outputs(bool silent);
/* Reads from byte `offset` of what this process wrote (after diverting: of what it wrote since). */
size_t machine_output_read(unsigned output, uint64_t offset, void *bytes, size_t capacity);

#endif
