/* SPDX-License-Identifier: MIT */
/*
 * GDT, TSS and IDT of the one CPU.
 *
 * Rule: segments are flat and only carry privilege; every vector is an interrupt gate (interrupts off on
 * entry); exceptions that may strike on a bad stack have stacks of their own. Formats: Intel SDM vol. 3A,
 * sections 3.4.5 (segments), 6.14.1 (64-bit gates), 7.2.3 and 7.7 (64-bit TSS).
 */
#include "kernel/x86_64/descriptors.h"

#include <stddef.h>

#include "kernel/x86_64/address.h"

#define SEGMENT_KERNEL_CODE 0x00209b0000000000
#define SEGMENT_KERNEL_DATA 0x0000930000000000
#define SEGMENT_USER_DATA   0x0000f30000000000
#define SEGMENT_USER_CODE   0x0020fb0000000000

#define TYPE_TSS_AVAILABLE  0x89 /* present, 64-bit TSS */
#define TYPE_INTERRUPT_GATE 0x8e /* present, DPL 0 */
#define TYPE_USER_GATE      0xee /* present, DPL 3: user code may raise it by an instruction */

#define VECTORS         256
#define IST_STACK_BYTES 4096

struct task_state {
    uint32_t reserved0;
    uint64_t stack[3];
    uint64_t reserved1;
    uint64_t interrupt_stack[7]; /* entry n of the architecture is interrupt_stack[n - 1] */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_offset;
} __attribute__((packed));
_Static_assert(sizeof(struct task_state) == 104, "layout fixed by the architecture");
_Static_assert(offsetof(struct task_state, interrupt_stack) == 36, "layout fixed by the architecture");

struct gate {
    uint16_t offset_0_15;
    uint16_t selector;
    uint8_t interrupt_stack;
    uint8_t type;
    uint16_t offset_16_31;
    uint32_t offset_32_63;
    uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "layout fixed by the architecture");

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const uint8_t vector_stubs[VECTORS][VECTOR_STUB_BYTES];

static struct task_state task_state;
static struct gate interrupt_table[VECTORS];
static uint8_t interrupt_stacks[3][IST_STACK_BYTES] __attribute__((aligned(16)));

static uint64_t segment_table[7] = {
    [SELECTOR_KERNEL_CODE / 8] = SEGMENT_KERNEL_CODE,
    [SELECTOR_KERNEL_DATA / 8] = SEGMENT_KERNEL_DATA,
    [SELECTOR_USER_DATA / 8] = SEGMENT_USER_DATA,
    [SELECTOR_USER_CODE / 8] = SEGMENT_USER_CODE,
};

static void task_state_initialise(void)
{
    for (uint32_t i = 0; i < 3; i++)
        task_state.interrupt_stack[i] = (uint64_t)(interrupt_stacks[i] + IST_STACK_BYTES);
    task_state.io_map_offset = sizeof(task_state); /* beyond the limit: no port is open to user mode */
    tss_set_stack((uint64_t)kernel_stack_top);

    uint64_t base = (uint64_t)&task_state;
    segment_table[SELECTOR_TASK_STATE / 8] = (sizeof(task_state) - 1) | (base & 0xffffff) << 16 |
                                             (uint64_t)TYPE_TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
    segment_table[SELECTOR_TASK_STATE / 8 + 1] = base >> 32;
}

static void interrupt_table_initialise(void)
{
    for (uint32_t vector = 0; vector < VECTORS; vector++) {
        uint64_t address = (uint64_t)vector_stubs[vector];
        interrupt_table[vector] = (struct gate){
            .offset_0_15 = (uint16_t)address,
            .selector = SELECTOR_KERNEL_CODE,
            .type = TYPE_INTERRUPT_GATE,
            .offset_16_31 = (uint16_t)(address >> 16),
            .offset_32_63 = (uint32_t)(address >> 32),
        };
    }
    interrupt_table[VECTOR_BREAKPOINT].type = TYPE_USER_GATE;
    interrupt_table[VECTOR_DOUBLE_FAULT].interrupt_stack = IST_DOUBLE_FAULT;
    interrupt_table[VECTOR_NMI].interrupt_stack = IST_NMI;
    interrupt_table[VECTOR_MACHINE_CHECK].interrupt_stack = IST_MACHINE_CHECK;
}

void tss_set_stack(uint64_t stack_top)
{
    task_state.stack[0] = stack_top;
}

void descriptors_initialise(void)
{
    task_state_initialise();
    interrupt_table_initialise();
    struct table_pointer segments = {sizeof(segment_table) - 1, (uint64_t)segment_table};
    struct table_pointer interrupts = {sizeof(interrupt_table) - 1, (uint64_t)interrupt_table};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %2\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovl %3, %%eax\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movl %%eax, %%gs\n\t"
                     "movl %4, %%eax\n\t"
                     "ltr %%ax\n\t"
                     "lidt %1"
                     :
                     : "m"(segments), "m"(interrupts), "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_KERNEL_DATA),
                       "i"(SELECTOR_TASK_STATE)
                     : "rax", "memory");
}
