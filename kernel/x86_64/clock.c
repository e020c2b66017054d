/* SPDX-License-Identifier: MIT */
/*
 * Time: the time-stamp counter, scaled.
 *
 * Rule: the counter is the only clock, measured once against the local APIC timer. Under an
 * instruction-counting emulator both are exact, and so is the result, the same in every run. Wall-clock time
 * is the option `epoch`, else the CMOS clock (Motorola MC146818 datasheet) where it answers sensibly, else
 * unknown.
 */
#include "kernel/x86_64/clock.h"

#include <stdbool.h>

#include "kernel/boot_information.h"
#include "kernel/x86_64/apic.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/log.h"

#define NS_PER_S       1000000000ull
#define CALIBRATION_NS 90000

#define CMOS_INDEX     0x70
#define CMOS_DATA      0x71
#define CMOS_SECOND    0x00
#define CMOS_MINUTE    0x02
#define CMOS_HOUR      0x04
#define CMOS_DAY       0x07
#define CMOS_MONTH     0x08
#define CMOS_YEAR      0x09
#define CMOS_STATUS_A  0x0a
#define CMOS_STATUS_B  0x0b
#define CMOS_UPDATING  0x80
#define CMOS_HOUR_24   0x02
#define CMOS_BINARY    0x04
#define CMOS_AFTERNOON 0x80
#define CMOS_ATTEMPTS  1000

uint64_t clock_tsc_hz;
uint64_t clock_epoch_s;

/* Fixed-point factors with 32 fraction bits. */
static uint64_t ns_per_tick_q32;
static uint64_t ticks_per_ns_q32;

struct calendar {
    uint8_t second, minute, hour, day, month, year; /* year of the 21st century */
};

/* What is too large to say is the largest number: a deadline that never comes. */
static uint64_t scale(uint64_t value, uint64_t factor_q32)
{
    unsigned __int128 scaled = (unsigned __int128)value * factor_q32 >> 32;

    return scaled > UINT64_MAX ? UINT64_MAX : (uint64_t)scaled;
}

struct clock_sample {
    uint64_t remaining_ns;
    uint64_t ticks;
};

/* Not inlined: the same instructions lie between the two readings of every sample; differences are exact. */
static __attribute__((noinline)) struct clock_sample clock_sample_take(void)
{
    struct clock_sample sample;
    sample.remaining_ns = apic_timer_remaining_ns();
    sample.ticks = cpu_timestamp();
    return sample;
}

static uint64_t tsc_measure_hz(void)
{
    apic_timer_free_run();
    (void)clock_sample_take(); /* an emulator translates the code now, not between two readings that count */
    struct clock_sample first = clock_sample_take();
    struct clock_sample last;
    do {
        last = clock_sample_take();
    } while (first.remaining_ns - last.remaining_ns < CALIBRATION_NS);
    apic_timer_stop();
    return (last.ticks - first.ticks) * APIC_TIMER_HZ / (first.remaining_ns - last.remaining_ns);
}

static uint8_t cmos_read(uint8_t index)
{
    port_out8(CMOS_INDEX, index);
    return port_in8(CMOS_DATA);
}

static uint8_t from_bcd(uint8_t value)
{
    return (uint8_t)((value >> 4) * 10 + (value & 15));
}

/* Reads the registers once; false when the clock was being updated or is not there. */
static bool calendar_read(struct calendar *now)
{
    if (cmos_read(CMOS_STATUS_A) & CMOS_UPDATING)
        return false;
    *now = (struct calendar){cmos_read(CMOS_SECOND), cmos_read(CMOS_MINUTE), cmos_read(CMOS_HOUR),
                             cmos_read(CMOS_DAY),    cmos_read(CMOS_MONTH),  cmos_read(CMOS_YEAR)};
    return !(cmos_read(CMOS_STATUS_A) & CMOS_UPDATING);
}

static void calendar_decode(struct calendar *now)
{
    uint8_t format = cmos_read(CMOS_STATUS_B);
    bool afternoon = !(format & CMOS_HOUR_24) && (now->hour & CMOS_AFTERNOON);
    if (!(format & CMOS_HOUR_24))
        now->hour &= (uint8_t)~CMOS_AFTERNOON;
    if (!(format & CMOS_BINARY))
        *now = (struct calendar){from_bcd(now->second), from_bcd(now->minute), from_bcd(now->hour),
                                 from_bcd(now->day),    from_bcd(now->month),  from_bcd(now->year)};
    if (!(format & CMOS_HOUR_24))
        now->hour = (uint8_t)(now->hour % 12 + (afternoon ? 12 : 0));
}

static bool calendar_is_sane(const struct calendar *now)
{
    return now->second < 60 && now->minute < 60 && now->hour < 24 && now->day >= 1 && now->day <= 31 &&
           now->month >= 1 && now->month <= 12 && now->year < 100;
}

/* Seconds since 1970. March-based months make the leap day the last one of its year. */
static uint64_t calendar_to_epoch(const struct calendar *now)
{
    uint64_t year = 2000u + now->year - (now->month <= 2 ? 1 : 0);
    uint64_t month = (now->month + 9u) % 12;
    uint64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + now->day - 1;
    uint64_t days_to_1970 = 719468; /* from 1 March of year 0 */
    return (((days - days_to_1970) * 24 + now->hour) * 60 + now->minute) * 60 + now->second;
}

static uint64_t cmos_epoch_s(void)
{
    struct calendar now;
    for (uint32_t attempt = 0; attempt < CMOS_ATTEMPTS; attempt++) {
        if (!calendar_read(&now))
            continue;
        calendar_decode(&now);
        if (!calendar_is_sane(&now))
            return 0;
        return calendar_to_epoch(&now);
    }
    return 0;
}

void clock_initialise(void)
{
    clock_tsc_hz = tsc_measure_hz();
    ns_per_tick_q32 = (NS_PER_S << 32) / clock_tsc_hz;
    ticks_per_ns_q32 = (clock_tsc_hz / NS_PER_S << 32) + (clock_tsc_hz % NS_PER_S << 32) / NS_PER_S;
    if (!boot_option_number("epoch", &clock_epoch_s)) {
        uint64_t now_s = cmos_epoch_s();
        uint64_t since_start_s = clock_now_ns() / NS_PER_S;
        clock_epoch_s = now_s > since_start_s ? now_s - since_start_s : 0;
    }
    log_line("clock: tsc %lu hz, epoch %lu s", clock_tsc_hz, clock_epoch_s);
}

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
    return scale(ticks, ns_per_tick_q32);
}

uint64_t clock_ns_to_ticks(uint64_t nanoseconds)
{
    return scale(nanoseconds, ticks_per_ns_q32);
}

uint64_t clock_now_ns(void)
{
    return clock_ticks_to_ns(cpu_timestamp());
}
