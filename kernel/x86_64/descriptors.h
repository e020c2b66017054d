/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_X86_64_DESCRIPTORS_H
#define KERNEL_X86_64_DESCRIPTORS_H

/* Segment selectors, in the order that SYSCALL and SYSRET derive from MSR STAR (Intel SDM vol. 3A, 5.8.8). */
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA   0x1b
#define SELECTOR_USER_CODE   0x23
#define SELECTOR_TASK_STATE  0x28

/* Entries of the interrupt stack table: vectors that must not trust the stack they interrupt. */
#define IST_DOUBLE_FAULT  1
#define IST_NMI           2
#define IST_MACHINE_CHECK 3

/* Exceptions (Intel SDM vol. 3A, table 6-1). */
#define VECTOR_DIVIDE_ERROR       0
#define VECTOR_DEBUG              1
#define VECTOR_NMI                2
#define VECTOR_BREAKPOINT         3
#define VECTOR_INVALID_OPCODE     6
#define VECTOR_NO_DEVICE          7
#define VECTOR_DOUBLE_FAULT       8
#define VECTOR_INVALID_TSS        10
#define VECTOR_SEGMENT_MISSING    11
#define VECTOR_STACK_FAULT        12
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT         14
#define VECTOR_FLOATING_POINT     16
#define VECTOR_ALIGNMENT          17
#define VECTOR_MACHINE_CHECK      18
#define VECTOR_SIMD               19

#define VECTOR_STUB_BYTES 16 /* distance of the entries in vectors.S */

#ifndef __ASSEMBLER__
#include <stdint.h>

/*
 * Loads GDT, TSS and IDT; every vector leads to trap_entry with, from the stack pointer up: vector, error
 * code (0 where the CPU pushes none), rip, cs, rflags, rsp, ss. RSP0 is kernel_stack_top. Clears the fs and
 * gs bases: set MSR_GS_BASE afterwards. Once, interrupts off.
 */
void descriptors_initialise(void);

/* Sets RSP0, the stack pointer for interrupts and exceptions from user mode; multiple of 16. */
void tss_set_stack(uint64_t stack_top);
#endif

#endif
