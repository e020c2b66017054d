/* SPDX-License-Identifier: MIT */
/* The test guest's machine code: PVH entry to long mode, entries into its kernel, and the way out of it. */
#include "guest.h"

        .section .note.pvh, "a", @note
        .long   4, 4, 18                /* XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz  "Xen"
        .long   start32

        .section .boot, "awx", @progbits
        .code32
        .globl start32
start32:
        cld
        movl    %ebx, start_info
        movl    $kernel_stack_top, %esp
        /* Identity map of the first GiB with 2 MiB pages, until the kernel makes its own. */
        movl    $boot_pdpt + 3, boot_pml4
        movl    $boot_pd + 3, boot_pdpt
        movl    $0x83, %eax
        movl    $boot_pd, %edi
        movl    $512, %ecx
1:      movl    %eax, (%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        decl    %ecx
        jnz     1b
        movl    $boot_pml4, %eax
        movl    %eax, %cr3
        movl    $0x20, %eax             /* PAE */
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x901, %eax            /* SCE, LME, NXE */
        wrmsr
        movl    %cr0, %eax
        orl     $0x80010001, %eax       /* PG, WP, PE */
        movl    %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $8, $start64

        .code64
start64:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $0x28, %eax
        movl    $tss, %ecx
        movw    %cx, gdt + 0x2a
        shrl    $16, %ecx
        movb    %cl, gdt + 0x2c
        movb    %ch, gdt + 0x2f
        ltr     %ax
        movq    $kernel_stack_top, %rsp
        call    kernel_start
1:      hlt
        jmp     1b

        .data
        .balign 16
gdt:    .quad   0
        .quad   0x00af9b000000ffff      /* 08 kernel code */
        .quad   0x00cf93000000ffff      /* 10 kernel data */
        .quad   0x00cff3000000ffff      /* 18 user data */
        .quad   0x00affb000000ffff      /* 20 user code */
        .quad   0x0000890000000067      /* 28 task state */
        .quad   0
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt
        .long   0

        .balign 16
        .globl tss
tss:    .long   0
        .quad   trap_stack_top
        .fill   92, 1, 0

        .text
        /* Every entry leaves a struct frame: registers, vector, error code, what IRETQ takes. */
        .globl syscall_entry
syscall_entry:
        movq    %rsp, user_stack
        movq    $trap_stack_top, %rsp
        pushq   $0x1b
        pushq   user_stack
        pushq   %r11
        pushq   $0x23
        pushq   %rcx
        pushq   $0
        pushq   $VECTOR_SYSTEM_CALL
        jmp     save
        .globl trap_entry
trap_entry:
        cld
save:
        .irp r, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        pushq   %\r
        .endr
        cld
        movq    %rsp, %rdi
        call    kernel_entered
        .irp r, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
        popq    %\r
        .endr
        addq    $16, %rsp
        iretq

        /* One stub a vector, 16 bytes each. */
        .balign 16
        .globl vector_stubs
vector_stubs:
        .set    vector, 0
        .rept   64
        .balign 16
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
        pushq   $0
        .endif
        pushq   $vector
        jmp     trap_entry
        .set    vector, vector + 1
        .endr

        .bss
        .balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd:   .skip 4096
        .globl start_info
start_info: .skip 8
user_stack: .skip 8
        .balign 16
        .skip   8192
kernel_stack_top:
        .skip   8192
trap_stack_top:
