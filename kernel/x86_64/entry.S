/* SPDX-License-Identifier: MIT */
/* Into the kernel and out of it. Rule: on entry all registers of the current thread are saved in its struct
 * thread, on exit all of the next one's are loaded from it; C code runs on the CPU's one stack, with interrupts
 * off, and keeps nothing on it from one entry to the next.
 * (System calls: Intel SDM vol. 3A, 5.8.8 and 2B SYSCALL/SYSRET. User addresses end below the canonical limit, so
 * that SYSRET never sees a return address that is not canonical.)
 */
#include "kernel/x86_64/cpu.h"

#define THREAD_RAX 0
#define THREAD_RBX 8
#define THREAD_RCX 16
#define THREAD_RDX 24
#define THREAD_RSI 32
#define THREAD_RDI 40
#define THREAD_RBP 48
#define THREAD_R8 56
#define THREAD_R9 64
#define THREAD_R10 72
#define THREAD_R11 80
#define THREAD_R12 88
#define THREAD_R13 96
#define THREAD_R14 104
#define THREAD_R15 112
#define THREAD_RIP 120
#define THREAD_RFLAGS 128
#define THREAD_RSP 136
#define THREAD_RESUME_ALL 152

#define CPU_CURRENT 8
#define CPU_KERNEL_STACK 16
#define CPU_USER_STACK 24

#define USER_DATA_SELECTOR 0x1b
#define USER_CODE_SELECTOR 0x23

/* What the trap stubs leave on the stack. */
#define FRAME_VECTOR 0
#define FRAME_ERROR 8
#define FRAME_RIP 16
#define FRAME_CS 24
#define FRAME_RFLAGS 32
#define FRAME_RSP 40

        .section .text, "ax", @progbits

        .globl syscall_entry
        .type syscall_entry, @function
syscall_entry:
        swapgs
        movq    %rsp, %gs:CPU_USER_STACK
        movq    %gs:CPU_CURRENT, %rsp
        movq    %rax, THREAD_RAX(%rsp)
        movq    %rbx, THREAD_RBX(%rsp)
        movq    %rdx, THREAD_RDX(%rsp)
        movq    %rsi, THREAD_RSI(%rsp)
        movq    %rdi, THREAD_RDI(%rsp)
        movq    %rbp, THREAD_RBP(%rsp)
        movq    %r8, THREAD_R8(%rsp)
        movq    %r9, THREAD_R9(%rsp)
        movq    %r10, THREAD_R10(%rsp)
        movq    %r12, THREAD_R12(%rsp)
        movq    %r13, THREAD_R13(%rsp)
        movq    %r14, THREAD_R14(%rsp)
        movq    %r15, THREAD_R15(%rsp)
        movq    %rcx, THREAD_RIP(%rsp)
        movq    %r11, THREAD_RFLAGS(%rsp)
        movq    %gs:CPU_USER_STACK, %rdx
        movq    %rdx, THREAD_RSP(%rsp)
        movq    $0, THREAD_RESUME_ALL(%rsp)
        movq    %rsp, %rdi
        movq    %gs:CPU_KERNEL_STACK, %rsp
        call    syscall_dispatch

/* Run the thread in rax, or nobody. */
resume:
        testq   %rax, %rax
        jz      idle
        cmpq    $0, THREAD_RESUME_ALL(%rax)
        jne     resume_all

/* The same for a thread that is known to be in a system call: the fast path jumps here. */
        .globl resume_syscall
resume_syscall:
        movq    THREAD_RBX(%rax), %rbx
        movq    THREAD_RDX(%rax), %rdx
        movq    THREAD_RSI(%rax), %rsi
        movq    THREAD_RDI(%rax), %rdi
        movq    THREAD_RBP(%rax), %rbp
        movq    THREAD_R8(%rax), %r8
        movq    THREAD_R9(%rax), %r9
        movq    THREAD_R10(%rax), %r10
        movq    THREAD_R12(%rax), %r12
        movq    THREAD_R13(%rax), %r13
        movq    THREAD_R14(%rax), %r14
        movq    THREAD_R15(%rax), %r15
        movq    THREAD_RIP(%rax), %rcx
        movq    THREAD_RFLAGS(%rax), %r11
        movq    THREAD_RSP(%rax), %rsp
        movq    THREAD_RAX(%rax), %rax
        swapgs
        sysretq

resume_all:
        pushq   $USER_DATA_SELECTOR
        pushq   THREAD_RSP(%rax)
        pushq   THREAD_RFLAGS(%rax)
        pushq   $USER_CODE_SELECTOR
        pushq   THREAD_RIP(%rax)
        movq    THREAD_RBX(%rax), %rbx
        movq    THREAD_RCX(%rax), %rcx
        movq    THREAD_RDX(%rax), %rdx
        movq    THREAD_RSI(%rax), %rsi
        movq    THREAD_RDI(%rax), %rdi
        movq    THREAD_RBP(%rax), %rbp
        movq    THREAD_R8(%rax), %r8
        movq    THREAD_R9(%rax), %r9
        movq    THREAD_R10(%rax), %r10
        movq    THREAD_R11(%rax), %r11
        movq    THREAD_R12(%rax), %r12
        movq    THREAD_R13(%rax), %r13
        movq    THREAD_R14(%rax), %r14
        movq    THREAD_R15(%rax), %r15
        movq    THREAD_RAX(%rax), %rax
        swapgs
        iretq

/* Nobody can run: do what can wait, piece by piece, then wait for an interrupt. It arrives at kernel_trap below, which
 * starts over on an empty stack. */
idle:
        movq    %gs:CPU_KERNEL_STACK, %rsp
        call    kernel_idle
        testb   %al, %al
        jz      wait
        sti
        nop     /* interrupts are taken after the instruction that follows STI */
        cli
        jmp     idle
wait:
        sti
        hlt
        cli
        jmp     wait
        .size syscall_entry, . - syscall_entry

        .globl trap_entry
        .type trap_entry, @function
trap_entry:
        testb   $3, FRAME_CS(%rsp)
        jz      kernel_trap
        swapgs
        movq    %rax, %gs:CPU_USER_STACK
        movq    %gs:CPU_CURRENT, %rax
        movq    %rbx, THREAD_RBX(%rax)
        movq    %gs:CPU_USER_STACK, %rbx
        movq    %rbx, THREAD_RAX(%rax)
        movq    %rcx, THREAD_RCX(%rax)
        movq    %rdx, THREAD_RDX(%rax)
        movq    %rsi, THREAD_RSI(%rax)
        movq    %rdi, THREAD_RDI(%rax)
        movq    %rbp, THREAD_RBP(%rax)
        movq    %r8, THREAD_R8(%rax)
        movq    %r9, THREAD_R9(%rax)
        movq    %r10, THREAD_R10(%rax)
        movq    %r11, THREAD_R11(%rax)
        movq    %r12, THREAD_R12(%rax)
        movq    %r13, THREAD_R13(%rax)
        movq    %r14, THREAD_R14(%rax)
        movq    %r15, THREAD_R15(%rax)
        movq    FRAME_RIP(%rsp), %rcx
        movq    %rcx, THREAD_RIP(%rax)
        movq    FRAME_RFLAGS(%rsp), %rcx
        movq    %rcx, THREAD_RFLAGS(%rax)
        movq    FRAME_RSP(%rsp), %rcx
        movq    %rcx, THREAD_RSP(%rax)
        movq    $1, THREAD_RESUME_ALL(%rax)
        cld
        SMAP_SITE(clac) /* a gate leaves the user's flag AC as it is */
        movq    %rax, %rdi
        movq    FRAME_VECTOR(%rsp), %rsi
        movq    FRAME_ERROR(%rsp), %rdx
        movq    %gs:CPU_KERNEL_STACK, %rsp
        call    trap_dispatch
        jmp     resume
        .size trap_entry, . - trap_entry

/* A trap out of the kernel: an interrupt that ends idling, or the end. */
        .type kernel_trap, @function
kernel_trap:
        cld
        movq    FRAME_VECTOR(%rsp), %rdi
        movq    FRAME_ERROR(%rsp), %rsi
        movq    FRAME_RIP(%rsp), %rdx
        movq    %gs:CPU_KERNEL_STACK, %rsp
        call    kernel_trap_dispatch
        jmp     resume
        .size kernel_trap, . - kernel_trap

/* void enter_user(struct thread *): the first entry into user mode. */
        .globl enter_user
        .type enter_user, @function
enter_user:
        movq    %rdi, %rax
        movq    %gs:CPU_KERNEL_STACK, %rsp
        jmp     resume
        .size enter_user, . - enter_user


        .section .note.GNU-stack, "", @progbits
