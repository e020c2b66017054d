/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine.
 *
 * Rule: every run ends here, with one verdict line, so that silence is always a failure.
 */
#include "kernel/x86_64/exit.h"

#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/log.h"

#define DEBUG_EXIT_PORT 0xf4 /* QEMU isa-debug-exit: value v ends it with status 2v + 1 */

static const char *verdict_word(uint64_t code)
{
    switch (code) {
    case MACHINE_FINISHED:
        return "finished";
    case MACHINE_KERNEL_FAILURE:
        return "kernel-failure";
    case MACHINE_SERVICE_LOST:
        return "service-lost";
    default:
        return "unknown";
    }
}

__attribute__((noinline)) _Noreturn void machine_exit(uint64_t code, uint64_t detail)
{
    cpu_disable_interrupts();
    log_urgent("verdict %s code=%lu detail=%lu", verdict_word(code), code, detail);
    port_out8(DEBUG_EXIT_PORT, code != MACHINE_FINISHED);
    for (;;)
        cpu_halt();
}
