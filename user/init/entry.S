/* SPDX-License-Identifier: MIT */
/* Where the kernel enters init: on the stack it made, with nothing else known. */
        .section .text.entry, "ax", @progbits
        .globl  start_fresh
        .type   start_fresh, @function
start_fresh:
        xorl    %ebp, %ebp
        andq    $-16, %rsp
        cld
        call    init_main
        ud2
        .size   start_fresh, . - start_fresh

        .section .note.GNU-stack, "", @progbits
