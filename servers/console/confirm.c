/* SPDX-License-Identifier: MIT */
/* Output confirmed. Rule: confirm.h. */
#include "confirm.h"

bool confirm_chunk(const uint8_t *chunk, uint32_t chunk_bytes, const uint8_t *from, uint32_t taken, bool terminal)
{
    const uint8_t *left = chunk + chunk_bytes;

    for (const uint8_t *byte = from + taken; byte-- > from;) {
        if (left == chunk || *--left != *byte) {
            return false;
        }
        if (*byte == '\n' && terminal && (left == chunk || *--left != '\r')) {
            return false;
        }
    }
    return left == chunk && taken > 0;
}

bool confirm_copy(const uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    uint64_t difference = 0;

    while (bytes % sizeof(uint64_t) != 0) {
        bytes--;
        difference |= to[bytes] ^ from[bytes];
    }
    while (bytes > 0) {
        uint64_t is, was;

        bytes -= sizeof(uint64_t);
        __builtin_memcpy(&is, to + bytes, sizeof(is));
        __builtin_memcpy(&was, from + bytes, sizeof(was));
        difference |= is ^ was;
    }
    return difference == 0;
}
