/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_X86_64_APIC_H
#define KERNEL_X86_64_APIC_H

#include <stdbool.h>
#include <stdint.h>

#define VECTOR_TIMER    0x20
#define VECTOR_IRQ      0x30 /* + global system interrupt number */
#define VECTOR_SPURIOUS 0xff /* needs no apic_end_of_interrupt() */

#define APIC_PINS     24 /* global system interrupts 0..23 */
#define APIC_TIMER_HZ 1000000000

/* Silences the 8259s, enables the local APIC, masks every I/O APIC pin. Once, interrupts off. */
void apic_initialise(void);

/* Starts VECTOR_TIMER interrupts every period_ns (at least 1000); replaces what ran before. */
void apic_timer_start(uint32_t period_ns);

/* One VECTOR_TIMER interrupt after delay_ns (at least 1); replaces what ran before. */
void apic_timer_start_once(uint32_t delay_ns);

/* No more timer interrupts. */
void apic_timer_stop(void);

/* Lets the local APIC count down from its maximum without interrupts; for calibration. */
void apic_timer_free_run(void);

/* What is left of the current count of the timer, in nanoseconds. */
uint32_t apic_timer_remaining_ns(void);

/* Acknowledges the interrupt in service; after every vector but VECTOR_SPURIOUS and exceptions. */
void apic_end_of_interrupt(void);

/*
 * Sends interrupt gsi (0..APIC_PINS-1) to this CPU at vector (0x20..0xfe), level- or edge-triggered, active
 * low or high. The pin stays masked until ioapic_unmask(). Returns false when there is no such pin.
 */
bool ioapic_route(uint32_t gsi, uint8_t vector, bool level, bool active_low);
void ioapic_mask(uint32_t gsi);
void ioapic_unmask(uint32_t gsi);

#endif
