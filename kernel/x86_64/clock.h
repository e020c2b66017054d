/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_X86_64_CLOCK_H
#define KERNEL_X86_64_CLOCK_H

#include <stdint.h>

extern uint64_t clock_tsc_hz;  /* rate of the time-stamp counter */
extern uint64_t clock_epoch_s; /* seconds since 1970 when the time-stamp counter was 0; 0 if unknown */

/* Measures clock_tsc_hz and finds clock_epoch_s. Needs apic_initialise(); once, interrupts off. */
void clock_initialise(void);

/* Nanoseconds since the time-stamp counter was 0. */
uint64_t clock_now_ns(void);

/* Converts between time-stamp counter ticks and nanoseconds; results are rounded down. */
uint64_t clock_ticks_to_ns(uint64_t ticks);
uint64_t clock_ns_to_ticks(uint64_t nanoseconds);

#endif
