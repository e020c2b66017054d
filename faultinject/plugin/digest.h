/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A digest of memory: 128 bits, fast, the same on every host. It tells states of one campaign apart; names
 * that go beyond a campaign are SHA-256, made by the harness.
 */
#ifndef FAULTINJECT_DIGEST_H
#define FAULTINJECT_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_PAGE_BYTES = 4096 };

struct digest {
    uint64_t word[2];
};

/* Of one page; `page` need not be aligned. */
struct digest digest_page(const uint8_t *page);

/* Adds what stands at `place` to a sum. The order in which places are added does not matter, the places do.
 */
void digest_add(struct digest *sum, uint64_t place, struct digest part);

/* Of any number of bytes; what a last part lacks of a page counts as zeros. */
struct digest digest_bytes(const uint8_t *bytes, uint64_t length_bytes);

bool digest_equal(const struct digest *one, const struct digest *other);

#endif
