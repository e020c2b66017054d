/* SPDX-License-Identifier: MIT */
/*
 * The 256 interrupt and exception entries.
 *
 * Rule: each entry leaves on the stack an error code (0 where the CPU pushes none) and its vector number, and
 * changes no register. Entries are VECTOR_STUB_BYTES apart, so that descriptors.c computes their addresses.
 * The CPU pushes an error code for vectors 8, 10 to 14, 17, 21, 29 and 30 (Intel SDM vol. 3A, table 6-1; AMD
 * APM vol. 2, section 8.2).
 */
#include "kernel/x86_64/descriptors.h"

    .text
    .global vector_stubs
    .balign VECTOR_STUB_BYTES
vector_stubs:
    .set vector, 0
    .rept 256
    .balign VECTOR_STUB_BYTES
    .set has_error_code, vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
    .if !(has_error_code || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    jmp trap_entry
    .set vector, vector + 1
    .endr

    .section .note.GNU-stack, "", @progbits
