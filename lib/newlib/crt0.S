/* SPDX-License-Identifier: MIT */
/*
 * Entry of every program. Rule: rdi holds the start-up block, nothing else is known; the stack is made as a C
 * function expects it.
 */
        .section .text, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        xorl    %ebp, %ebp
        andq    $-16, %rsp
        cld
        call    perdure_start
        ud2
        .size   _start, . - _start

        .section .note.GNU-stack, "", @progbits
