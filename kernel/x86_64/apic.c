/* SPDX-License-Identifier: MIT */
/*
 * Interrupt controllers: the local APIC with its timer, the I/O APIC, and silence for the 8259s.
 *
 * Rule: a pin delivers nothing until it is routed and unmasked; registers are reached only here, through the
 * uncached part of the physical map. Local APIC: Intel SDM vol. 3A, chapter 11; I/O APIC: Intel 82093AA
 * datasheet, section 3. The timer counts at APIC_TIMER_HZ, as QEMU's does at a divisor of 1.
 */
#include "kernel/x86_64/apic.h"

#include "kernel/x86_64/address.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/log.h"

#define LOCAL_APIC_PHYSICAL 0xfee00000
#define IO_APIC_PHYSICAL    0xfec00000

#define APIC_BASE_ENABLE   (1 << 11)
#define APIC_ID            0x020
#define APIC_TASK_PRIORITY 0x080
#define APIC_EOI           0x0b0
#define APIC_SPURIOUS      0x0f0
#define APIC_TIMER         0x320
#define APIC_PERFORMANCE   0x340
#define APIC_LINT0         0x350
#define APIC_LINT1         0x360
#define APIC_ERROR         0x370
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE  0x3e0

#define APIC_SOFTWARE_ENABLE (1 << 8)
#define APIC_MASKED          (1 << 16)
#define APIC_TIMER_PERIODIC  (1 << 17)
#define APIC_DELIVER_NMI     (4 << 8)
#define APIC_DIVIDE_BY_1     0xb

#define IO_APIC_SELECT     0x00
#define IO_APIC_WINDOW     0x10
#define IO_APIC_ENTRY(pin) (0x10 + 2 * (pin))
#define IO_APIC_ACTIVE_LOW (1 << 13)
#define IO_APIC_LEVEL      (1 << 15)
#define IO_APIC_MASKED     (1 << 16)

#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA  0xa1

static volatile uint32_t *apic_register(uint32_t offset_bytes)
{
    return physical_to_pointer(LOCAL_APIC_PHYSICAL + offset_bytes);
}

static volatile uint32_t *io_apic_select(uint32_t index)
{
    *(volatile uint32_t *)physical_to_pointer(IO_APIC_PHYSICAL + IO_APIC_SELECT) = index;
    return physical_to_pointer(IO_APIC_PHYSICAL + IO_APIC_WINDOW);
}

static void timer_set(uint32_t mode, uint32_t count)
{
    *apic_register(APIC_TIMER_INITIAL) = 0;
    *apic_register(APIC_TIMER) = mode;
    *apic_register(APIC_TIMER_INITIAL) = count;
}

void apic_initialise(void)
{
    port_out8(PIC_MASTER_DATA, 0xff);
    port_out8(PIC_SLAVE_DATA, 0xff);

    uint64_t base = cpu_read_msr(MSR_APIC_BASE);
    if ((base & ~(uint64_t)(PAGE_BYTES - 1)) != LOCAL_APIC_PHYSICAL)
        panic("the local APIC is at %lx, not at %x", base, LOCAL_APIC_PHYSICAL);
    cpu_write_msr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    *apic_register(APIC_SPURIOUS) = APIC_SOFTWARE_ENABLE | VECTOR_SPURIOUS;
    *apic_register(APIC_TASK_PRIORITY) = 0;
    *apic_register(APIC_LINT0) = APIC_MASKED;
    *apic_register(APIC_LINT1) = APIC_DELIVER_NMI;
    *apic_register(APIC_ERROR) = APIC_MASKED;
    *apic_register(APIC_PERFORMANCE) = APIC_MASKED;
    *apic_register(APIC_TIMER_DIVIDE) = APIC_DIVIDE_BY_1;
    apic_timer_stop();
    for (uint32_t gsi = 0; gsi < APIC_PINS; gsi++)
        ioapic_mask(gsi);
}

void apic_timer_start(uint32_t period_ns)
{
    timer_set(APIC_TIMER_PERIODIC | VECTOR_TIMER, period_ns);
}

void apic_timer_start_once(uint32_t delay_ns)
{
    timer_set(VECTOR_TIMER, delay_ns);
}

void apic_timer_stop(void)
{
    timer_set(APIC_MASKED, 0);
}

void apic_timer_free_run(void)
{
    timer_set(APIC_MASKED, UINT32_MAX);
}

uint32_t apic_timer_remaining_ns(void)
{
    return *apic_register(APIC_TIMER_CURRENT);
}

void apic_end_of_interrupt(void)
{
    *apic_register(APIC_EOI) = 0;
}

bool ioapic_route(uint32_t gsi, uint8_t vector, bool level, bool active_low)
{
    if (gsi >= APIC_PINS)
        return false;
    uint32_t destination = *apic_register(APIC_ID) & 0xff000000;
    *io_apic_select(IO_APIC_ENTRY(gsi)) = IO_APIC_MASKED | vector | (level ? IO_APIC_LEVEL : 0) |
                                          (active_low ? IO_APIC_ACTIVE_LOW : 0);
    *io_apic_select(IO_APIC_ENTRY(gsi) + 1) = destination;
    return true;
}

void ioapic_mask(uint32_t gsi)
{
    volatile uint32_t *entry = io_apic_select(IO_APIC_ENTRY(gsi));
    *entry = *entry | IO_APIC_MASKED;
}

void ioapic_unmask(uint32_t gsi)
{
    volatile uint32_t *entry = io_apic_select(IO_APIC_ENTRY(gsi));
    *entry = *entry & ~(uint32_t)IO_APIC_MASKED;
}
