/* SPDX-License-Identifier: MIT */
/*
 * What a program knows of the machine: the boot information page, clocks and the entries of a bundle.
 *
 * Rule: read-only; nothing here calls the kernel.
 */
#ifndef PERDURE_BOOT_H
#define PERDURE_BOOT_H

#include "perdure/syscall.h"

static inline const struct boot_info *pd_boot_info(void)
{
    return (const struct boot_info *)BOOT_INFO_ADDRESS;
}

/* Nanoseconds of `ticks` of a counter of `hz`; exact for 1 GHz, and without overflow for 584 years. */
static inline uint64_t pd_ticks_to_ns(uint64_t ticks, uint64_t hz)
{
    if (hz == 1000000000u) {
        return ticks;
    }
    return ticks / hz * 1000000000u + ticks % hz * 1000000000u / hz;
}

/* Nanoseconds since power-on. */
static inline uint64_t pd_now_ns(void)
{
    return pd_ticks_to_ns(pd_ticks(), pd_boot_info()->tsc_hz);
}

/*
 * The value of `NAME=value` on the kernel command line: its first byte, and its length in *length; NULL if the
 * word is not there. A word without '=' has an empty value.
 */
const char *pd_boot_word(const char *name, size_t *length);

/*
 * The entry `name` of a bundle that is mapped at `bundle` with `bundle_bytes` bytes; NULL if the bundle is not well
 * formed (magic, version, an entry that is not page-aligned or leaves the bundle) or has no such entry.
 */
const struct bundle_entry *pd_bundle_find(const void *bundle, uint64_t bundle_bytes, const char *name);

/* Entry `index` of a bundle, under the same conditions; NULL after the last. */
const struct bundle_entry *pd_bundle_entry(const void *bundle, uint64_t bundle_bytes, uint32_t index);

#endif
