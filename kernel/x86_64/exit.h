/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_X86_64_EXIT_H
#define KERNEL_X86_64_EXIT_H

#include <stdint.h>

/* Why the machine ends; the numbers are part of the verdict line and known to the host. */
enum machine_verdict {
    MACHINE_FINISHED = 0,       /* detail: exit status of the session */
    MACHINE_KERNEL_FAILURE = 1, /* a panic */
    MACHINE_SERVICE_LOST = 2,   /* a service was given up; detail: its number */
};

/*
 * Logs `perdure: verdict <word> code=<code> detail=<detail>`, ends the emulator through isa-debug-exit (exit
 * status 1 for code 0, else 3) and, on a machine without it, halts for ever. The host hooks this function's
 * first instruction. Callable from any kernel context.
 */
_Noreturn void machine_exit(uint64_t code, uint64_t detail);

#endif
