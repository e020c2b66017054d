/* SPDX-License-Identifier: MIT */
/*
 * The last steps of an exec: they run on a page of their own, for the program that asked for them is gone by then.
 *
 * rdi: list of system calls (struct step of exec.c), rsi: entry of the new program, rdx: its start-up block.
 * Rule: no stack, no memory but the list, no address of its own.
 */
#include "abi/kernel.h"

.section .rodata
.global exec_stub
.global exec_stub_end
.balign 16
exec_stub:
    mov %rdi, %rbx
    mov %rsi, %rbp
    mov %rdx, %r12
1:  mov (%rbx), %rax
    test %rax, %rax
    jz 3f
    mov 8(%rbx), %rdi
    mov 16(%rbx), %rsi
    mov 24(%rbx), %rdx
    mov 32(%rbx), %r10
    mov 40(%rbx), %r8
    mov 48(%rbx), %r9
    syscall
    cmp $PD_AGAIN, %rax
    je 1b
    test %rax, %rax
    jz 2f
    cmpq $0, 56(%rbx)               /* must it succeed? */
    jne 4f
2:  add $64, %rbx
    jmp 1b
3:  mov %r12, %rdi
    lea -8(%r12), %rsp
    xor %eax, %eax
    jmp *%rbp
4:  mov $(SLOT_SELF_DOMAIN | DOMAIN_EXIT << INVOKE_OPERATION_SHIFT), %eax
    mov $127, %edi
    syscall
    jmp 4b
exec_stub_end:

.section .note.GNU-stack, "", @progbits
