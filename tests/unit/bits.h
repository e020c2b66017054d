/* SPDX-License-Identifier: MIT */
/* Every bit of something changed, one at a time: does whoever looks at it see it? */
#ifndef TESTS_UNIT_BITS_H
#define TESTS_UNIT_BITS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The first of the `bits` bits of `words` that `is_right` does not miss when it is changed; `bits` if there is none. Where
 * `is_free` (NULL: nowhere) says so of a bit, it may be changed.
 */
static inline unsigned first_bit_unseen(uint64_t *words, unsigned bits, bool (*is_right)(void), bool (*is_free)(unsigned bit))
{
    for (unsigned bit = 0; bit < bits; bit++) {
        bool seen;

        words[bit / 64] ^= (uint64_t)1 << bit % 64;
        seen = (is_free && is_free(bit)) || !is_right();
        words[bit / 64] ^= (uint64_t)1 << bit % 64;
        if (!seen) {
            return bit;
        }
    }
    return bits;
}

#endif
