/* SPDX-License-Identifier: MIT */
/*
 * The entries and the reply loop of every server.
 *
 * Rule: nothing is expected of any register but what the kernel delivers in, neither at start nor after a
 * reply; what the loop needs it makes anew. The path of a call is straight-line: 25 instructions between
 * delivery and reply, besides service_call itself, and 20 more where request and reply have a check.
 *
 * A request that does not agree with its check is delivered again, for the kernel has it still; a reply that does not
 * agree with its check is not committed, and its call runs again. What is checked is what lies in memory, so a store
 * that went astray shows, too.
 */
#include "abi/kernel.h"
#include "abi/posix_errno.h"
#include "panic.h"

#define DAMAGED_MAXIMUM 3 /* times in succession; then it is not the delivery that damages requests */

#define REQUEST_OPERATION 2
#define REQUEST_BINDING 4
#define REQUEST_TRANSFER 8
#define REQUEST_REPLY_BYTES 12
#define REQUEST_WORDS 16
#define REQUEST_REPLY 48
#define REQUEST_SIZE 80

#define STACK_BYTES 16384

        .section .text.entry, "ax", @progbits

        .globl start_fresh
        .type start_fresh, @function
start_fresh:
        leaq    server_stack_top(%rip), %rsp
        xorl    %ebp, %ebp
        cld
        call    service_start_fresh
        jmp     ready
        .size start_fresh, . - start_fresh

        /* Whoever loads a server finds start_recovered by its distance from the ELF entry. */
        .org    start_fresh + RECOVERED_ENTRY_OFFSET, 0xcc
        .globl start_recovered
        .type start_recovered, @function
start_recovered:
        leaq    server_stack_top(%rip), %rsp
        xorl    %ebp, %ebp
        cld
        call    service_start_recovered
        .size start_recovered, . - start_recovered

        /* The first reply of an incarnation carries nothing: it says "ready". */
ready:
        movabsq $(1 << 63), %rax
empty_reply:
        xorl    %edi, %edi
        xorl    %esi, %esi
short_reply:
        xorl    %edx, %edx
        xorl    %r10d, %r10d
        xorl    %r8d, %r8d

        .globl server_loop
        .type server_loop, @function
server_loop:
        syscall
        movq    %r9, server_request + REQUEST_OPERATION(%rip)
        movl    %r8d, server_request + REQUEST_TRANSFER(%rip)
        movq    %rdi, server_request + REQUEST_WORDS(%rip)
        movq    %rsi, server_request + REQUEST_WORDS + 8(%rip)
        movq    %rdx, server_request + REQUEST_WORDS + 16(%rip)
        movq    %r10, server_request + REQUEST_WORDS + 24(%rip)
        xorl    %ecx, %ecx
        movl    %ecx, server_request + REQUEST_REPLY_BYTES(%rip)
        movq    %rcx, server_request + REQUEST_REPLY + 8(%rip)
        movq    %rcx, server_request + REQUEST_REPLY + 16(%rip)
        movq    %rcx, server_request + REQUEST_REPLY + 24(%rip)
        testl   %eax, %eax
        jne     other_delivery
        leaq    server_request(%rip), %rdi
        call    service_call
        movq    %rax, %rdi
        movabsq $((1 << 63) + 1), %rax
        cmpq    %rax, %rdi                      /* SERVICE_DEFER and SERVICE_AGAIN are the two lowest numbers */
        jle     no_reply
        decq    %rax
        movl    server_request + REQUEST_REPLY_BYTES(%rip), %r8d
        movq    server_request + REQUEST_REPLY + 8(%rip), %rsi
        movq    server_request + REQUEST_REPLY + 16(%rip), %rdx
        movq    server_request + REQUEST_REPLY + 24(%rip), %r10
        jmp     server_loop

no_reply:
        movabsq $(1 << 63 | REPLY_AGAIN), %rax
        je      empty_reply                     /* flags are still those of the comparison */
        movabsq $(1 << 63), %rcx                /* looked at again: a caller that is put off by mistake waits for ever */
        movabsq $(1 << 63 | REPLY_DEFER), %rax
        cmpq    %rcx, %rdi
        je      empty_reply
        movl    $SERVER_PANIC_REPLY, %edi
        call    server_panic

other_delivery:
        js      own_delivery                    /* flags are still those of the test */
        movzwl  server_request + REQUEST_OPERATION(%rip), %ecx
        crc32q  server_request + REQUEST_WORDS(%rip), %rcx
        crc32q  server_request + REQUEST_WORDS + 8(%rip), %rcx
        crc32q  server_request + REQUEST_WORDS + 16(%rip), %rcx
        crc32q  server_request + REQUEST_WORDS + 24(%rip), %rcx
        crc32l  server_request + REQUEST_TRANSFER(%rip), %ecx
        xorl    %eax, %ecx
        addl    %ecx, %ecx                      /* bit 31 is none of the check */
        jne     damaged
        cmpl    server_request + REQUEST_BINDING(%rip), %ebx
        jne     damaged
        movl    %ecx, server_damaged(%rip)
        leaq    server_request(%rip), %rdi
        call    service_call
        movq    %rax, %rdi
        movabsq $((1 << 63) + 1), %rax
        cmpq    %rax, %rdi
        jle     no_reply
        xorl    %r9d, %r9d
        crc32q  %rdi, %r9
        crc32q  server_request + REQUEST_REPLY + 8(%rip), %r9
        crc32q  server_request + REQUEST_REPLY + 16(%rip), %r9
        crc32q  server_request + REQUEST_REPLY + 24(%rip), %r9
        crc32l  server_request + REQUEST_REPLY_BYTES(%rip), %r9d
        addq    $(REPLY_CHECKED - 1), %rax
        movl    server_request + REQUEST_REPLY_BYTES(%rip), %r8d
        movq    server_request + REQUEST_REPLY + 8(%rip), %rsi
        movq    server_request + REQUEST_REPLY + 16(%rip), %rdx
        movq    server_request + REQUEST_REPLY + 24(%rip), %r10
        jmp     server_loop

damaged:
        incl    server_damaged(%rip)
        cmpl    $DAMAGED_MAXIMUM, server_damaged(%rip)
        movabsq $(1 << 63 | REPLY_AGAIN), %rax
        jb      empty_reply
        xorl    %ecx, %ecx
        movl    %ecx, server_damaged(%rip)
        movq    $-PE_IO, %rdi
        movabsq $(1 << 63), %rax
        xorl    %esi, %esi
        jmp     short_reply

own_delivery:
        cmpl    $DELIVER_EVENT, %eax
        jne     unbind
        call    service_event                   /* rdi holds the bits */
        jmp     ready
unbind:
        cmpl    $DELIVER_UNBIND, %eax
        jne     unknown_delivery
        leaq    server_request(%rip), %rdi
        call    service_unbind
        jmp     ready
unknown_delivery:
        movl    $SERVER_PANIC_DELIVERY, %edi
        call    server_panic
        .size server_loop, . - server_loop

        .section .bss.request, "aw", @nobits
        .balign 16
        .type server_request, @object
server_request:
        .skip   REQUEST_SIZE
        .size server_request, . - server_request

        /* Deliveries in succession of requests that did not agree with their check. */
        .type server_damaged, @object
server_damaged:
        .skip   4
        .size server_damaged, . - server_damaged

        /* The stack is scratch: a new incarnation reads nothing of it that it did not write. The page below it is not
           mapped (mk/server.ld). */
        .section .scratch.stack, "aw", @nobits
        .balign 4096
server_stack:
        .skip   STACK_BYTES
        .globl server_stack_top
server_stack_top:

        .section .note.GNU-stack, "", @progbits
