/* SPDX-License-Identifier: MIT */
/* The faults of echo. Rule: faults.h. */
#include "faults.h"

#include "abi/echo.h"
#include "state.h"

#define PANIC_ORDERED 0x6563686f00000001u

void fault_write_null(void)
{
    __asm__ volatile("movb $0, 0" : : : "memory");
}

static void fault_read_null(void)
{
    __asm__ volatile("movb 0, %%al" : : : "rax", "memory");
}

static void fault_write_code(void)
{
    __asm__ volatile("movb $0, (%0)" : : "r"(fault_write_code) : "memory");
}

static void fault_divide(void)
{
    __asm__ volatile("xorl %%edx, %%edx\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "divl %%ecx"
                     :
                     :
                     : "rax", "rcx", "rdx", "cc");
}

static void fault_hang(void)
{
    __asm__ volatile("1: jmp 1b");
}

static void fault_stack(void)
{
    __asm__ volatile("1: pushq $0\n\t"
                     "jmp 1b");
}

/* Write to address 0 from one of 32 instructions (8 bytes each), another at each try. */
static void fault_wander(uint64_t try_number)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "leaq (%%rax, %0, 8), %%rax\n\t"
                     "jmpq *%%rax\n"
                     "1:\n\t"
                     ".rept 32\n\t"
                     ".byte 0xc6, 0x04, 0x25, 0, 0, 0, 0, 0\n\t" /* movb $0, 0 */
                     ".endr"
                     :
                     : "r"(try_number % 32)
                     : "rax", "memory");
}

/* From now on recovery faults too: with this client's SSR open, or at once. */
static void fault_in_recovery(const struct request *request, uint64_t kind)
{
    if (kind == ECHO_FAULT_RECOVERY) {
        fault_plan.recovery_binding = request->binding;
    } else {
        fault_plan.recovery_always = 1;
    }
    fault_plan.recovery_times = request->words[1];
    fault_write_null();
}

static void fault_range(void)
{
    struct echo_ssr *ssr = server_ssr();

    ssr->guard = 9;
}

void fault_commit(struct request *request, uint64_t kind, uint64_t try_number)
{
    switch (kind) {
    case ECHO_FAULT_READ_NULL:
        fault_read_null();
        break;
    case ECHO_FAULT_WRITE_CODE:
        fault_write_code();
        break;
    case ECHO_FAULT_DIVIDE:
        fault_divide();
        break;
    case ECHO_FAULT_UNDEFINED:
        __asm__ volatile("ud2");
        break;
    case ECHO_FAULT_HANG:
        fault_hang();
        break;
    case ECHO_FAULT_PANIC:
        server_panic(PANIC_ORDERED);
    case ECHO_FAULT_RANGE:
        fault_range();
        break;
    case ECHO_FAULT_STACK:
        fault_stack();
        break;
    case ECHO_FAULT_PROTOCOL:
        request->reply_bytes = MESSAGE_BYTES + 1;
        break;
    case ECHO_FAULT_RECOVERY:
    case ECHO_FAULT_RECOVERY_ALWAYS:
        fault_in_recovery(request, kind);
        break;
    case ECHO_FAULT_WANDER:
        fault_wander(try_number);
        break;
    default:
        fault_write_null();
        break;
    }
}
