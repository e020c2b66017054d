/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to 64-bit C.
 *
 * Rule: both protocols enter in 32-bit protected mode with flat segments and paging off, and both leave
 * through the same path with two values: the protocol's magic number and the physical address of its
 * information. This file runs at its physical address until long mode, and touches no memory but its own
 * tables.
 *
 * PVH:        Xen, docs/misc/pvh.pandoc ("x86/HVM direct boot ABI"): ELF note XEN_ELFNOTE_PHYS32_ENTRY; ebx
 *             holds the physical address of struct hvm_start_info.
 * multiboot2: Multiboot2 Specification 2.0, sections 3.1 (header) and 3.3 (machine state): eax holds the
 *             magic number, ebx the physical address of the boot information.
 * Long mode:  Intel SDM vol. 3A, 10.8.5 "Initializing IA-32e Mode".
 */
#include "boot/protocols.h"
#include "kernel/x86_64/address.h"
#include "kernel/x86_64/cpu.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define CPUID_EXTENDED      0x80000001
#define CPUID_NX            20
#define CPUID_LONG_MODE     29
#define DEBUG_CONSOLE       0xe9

#define ENTRY_PRESENT_WRITE 0x003
#define ENTRY_LARGE         0x080

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .balign 4
    .long pvh_entry

    .section .boot.header, "ax"
    .balign 8
multiboot2_header:
    .long MULTIBOOT2_HEADER_MAGIC
    .long 0 /* architecture: i386, protected mode */
    .long multiboot2_header_end - multiboot2_header
    .long -(MULTIBOOT2_HEADER_MAGIC + (multiboot2_header_end - multiboot2_header))
    .balign 8
    .short 6, 0 /* modules are aligned to pages */
    .long 8
    .balign 8
    .short 0, 0 /* end of tags */
    .long 8
multiboot2_header_end:

    .section .boot.text, "ax"
    .code32
    .global multiboot2_entry
multiboot2_entry:
    movl %eax, %edi
    jmp enter_long_mode

pvh_entry:
    movl $PVH_START_INFO_MAGIC, %edi

/* edi: protocol magic, ebx: physical address of its information. */
enter_long_mode:
    cli
    cld
    movl %ebx, %esi

    movl $0x80000000, %eax
    cpuid
    cmpl $CPUID_EXTENDED, %eax
    jb cpu_too_old
    movl $CPUID_EXTENDED, %eax
    cpuid
    btl $CPUID_LONG_MODE, %edx
    jnc cpu_too_old
    btl $CPUID_NX, %edx
    jnc cpu_too_old

    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $boot_page_table, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $(EFER_LME | EFER_NXE), %eax
    wrmsr
    movl $(CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE), %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $long_mode

cpu_too_old:
    movl $cpu_too_old_message, %esi
    movl $(cpu_too_old_message_end - cpu_too_old_message), %ecx
    movw $DEBUG_CONSOLE, %dx
    rep outsb
1:  hlt
    jmp 1b

    .code64
long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movq $kernel_stack_top, %rsp
    xorl %ebp, %ebp
    movl %edi, %edi /* the upper halves are undefined after the change of mode */
    movl %esi, %esi
    movq $boot_main, %rax
    call *%rax

    .section .boot.data, "a"
cpu_too_old_message:
    .ascii "perdure: panic: this CPU has no 64-bit mode or no NX; under QEMU use -cpu max\n"
cpu_too_old_message_end:

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00209b0000000000 /* 64-bit code, present, accessed (SDM vol. 3A, 3.4.5) */
boot_gdt_pointer:
    .short . - boot_gdt - 1
    .long boot_gdt

/*
 * The first GiB of physical memory, at 0 and at KERNEL_BASE (PML4 entry 511, PDPT entry 510). Replaced by
 * boot/paging.c before any protocol information is read.
 */
    .balign PAGE_BYTES
boot_page_table:
    .quad boot_pointers + ENTRY_PRESENT_WRITE
    .fill 510, 8, 0
    .quad boot_pointers + ENTRY_PRESENT_WRITE
boot_pointers:
    .quad boot_directory + ENTRY_PRESENT_WRITE
    .fill 509, 8, 0
    .quad boot_directory + ENTRY_PRESENT_WRITE
    .quad 0
boot_directory:
    .set page, 0
    .rept 512
    .quad page + ENTRY_LARGE + ENTRY_PRESENT_WRITE
    .set page, page + 0x200000
    .endr

    .section .bss.kernel_stack, "aw", @nobits
    .balign PAGE_BYTES
    .global kernel_stack_guard, kernel_stack_bottom, kernel_stack_top
kernel_stack_guard:
    .skip PAGE_BYTES /* unmapped by boot/paging.c: an overflow faults */
kernel_stack_bottom:
    .skip KERNEL_STACK_BYTES
kernel_stack_top:

    .section .note.GNU-stack, "", @progbits
