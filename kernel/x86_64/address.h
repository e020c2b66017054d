/* SPDX-License-Identifier: MIT */
/*
 * The kernel's address space.
 *
 * Rule: physical memory below PHYSICAL_MAP_BYTES is visible at PHYSICAL_MAP_BASE, the kernel image besides at
 * KERNEL_BASE; these two are the only mappings of the upper half, and both show a page of the image with the
 * same write protection. Nothing in the physical map is executable.
 */
#ifndef KERNEL_X86_64_ADDRESS_H
#define KERNEL_X86_64_ADDRESS_H

#define PAGE_BYTES         4096
#define PHYSICAL_MAP_BASE  0xffff800000000000
#define PHYSICAL_MAP_BYTES 0x100000000
#define KERNEL_BASE        0xffffffff80000000
#define KERNEL_IMAGE_LIMIT 0x2000000 /* physical end that the image may reach: 32 MiB */
#define KERNEL_STACK_BYTES 16384

#ifndef __ASSEMBLER__
#include <stdint.h>

/* The kernel's view of a physical address below PHYSICAL_MAP_BYTES. */
static inline void *physical_to_pointer(uint64_t physical)
{
    return (void *)(PHYSICAL_MAP_BASE + physical);
}

/* The physical address behind a pointer into the physical map or into the kernel image. */
static inline uint64_t pointer_to_physical(const void *pointer)
{
    uint64_t address = (uint64_t)pointer;
    return address >= KERNEL_BASE ? address - KERNEL_BASE : address - PHYSICAL_MAP_BASE;
}

/* Root of the kernel's address space; entries 256..511 belong in every address space and never change. */
extern uint64_t kernel_page_table[512];

/* The stack of the one CPU, above a page that is not mapped; kernel_main() starts at its top. */
extern uint8_t kernel_stack_guard[], kernel_stack_bottom[], kernel_stack_top[];

/* Bounds of the image and its parts, from boot/kernel.ld; all page-aligned. */
extern uint8_t kernel_start_physical[]; /* an absolute physical address: take its value, do not read it */
extern uint8_t kernel_text_start[], kernel_text_end[];
extern uint8_t kernel_rodata_start[], kernel_rodata_end[];
extern uint8_t kernel_data_start[], kernel_data_end[];
extern uint8_t kernel_end[];
#endif

#endif
