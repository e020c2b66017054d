/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_X86_64_EXIT_H
#define KERNEL_X86_64_EXIT_H

#include <stdint.h>

#include "abi/kernel.h" /* MACHINE_FINISHED and its like: the codes */

/*
 * Logs `perdure: verdict <word> code=<code> detail=<detail>`, ends the emulator through isa-debug-exit (exit
 * status 1 for code 0, else 3) and, on a machine without it, halts for ever. The host hooks this function's
 * first instruction. Callable from any kernel context.
 */
_Noreturn void machine_exit(uint64_t code, uint64_t detail);

#endif
