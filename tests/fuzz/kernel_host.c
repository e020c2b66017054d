/* SPDX-License-Identifier: MIT */
/* What the kernel calls of its machine, on the build machine: clocks of one tick a nanosecond, no interrupts, no log. */
#include <stdlib.h>

#include "kernel/x86_64/apic.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/exit.h"
#include "kernel/x86_64/log.h"

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
    return ticks;
}

uint64_t clock_ns_to_ticks(uint64_t nanoseconds)
{
    return nanoseconds;
}

bool ioapic_route(uint32_t gsi, uint8_t vector, bool level, bool active_low)
{
    (void)vector;
    (void)level;
    (void)active_low;
    return gsi < APIC_PINS;
}

void ioapic_mask(uint32_t gsi)
{
    (void)gsi;
}

void ioapic_unmask(uint32_t gsi)
{
    (void)gsi;
}

void log_line(const char *format, ...)
{
    (void)format;
}

void log_urgent(const char *format, ...)
{
    (void)format;
}

/* Nobody here has the right to. */
void machine_exit(uint64_t code, uint64_t detail)
{
    (void)code;
    (void)detail;
    abort();
}
