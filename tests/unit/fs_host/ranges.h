/* SPDX-License-Identifier: MIT */
/* What the kernel checks at each commit (abi/kernel.toml, ssr_range), for tests that stand for it. */
#ifndef TESTS_RANGES_H
#define TESTS_RANGES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "abi/kernel.h"

/* Whether all fields of the region at `bytes` are in their ranges. */
static inline bool in_ranges(const uint8_t *bytes, const struct ssr_range *ranges, uint32_t count)
{
    for (uint32_t range = 0; range < count; range++) {
        for (uint32_t index = 0; index < ranges[range].count; index++) {
            uint64_t value = 0;

            memcpy(&value, bytes + ranges[range].offset + index * ranges[range].stride, ranges[range].width_bytes);
            if (value < ranges[range].minimum || value > ranges[range].maximum) {
                return false;
            }
        }
    }
    return true;
}

#endif
