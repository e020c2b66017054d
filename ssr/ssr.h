/* SPDX-License-Identifier: MIT */
/* Server state regions: the transactional memory that a server borrows for the length of one call.
 *
 * The rule. A region has two copies of each of its pages. At rest both are equal and each carries a checksum;
 * `committed` names the copy that counts. A transaction
 *     ssr_open      verifies the working copy (repairing it from the committed one) and hands it out,
 *     ssr_seal      checks the written pages: valid ranges, then a new checksum,
 *     ssr_publish   flips `committed`: this is the commit; it cannot fail, and
 *     ssr_settle    makes the other copy equal again,
 * or, instead of the last three,
 *     ssr_rollback  makes the working copy equal to the committed one.
 * A page that was not written is neither copied nor checksummed anew: that would bless a bit that flipped.
 *
 * The manager knows nothing of page tables. Who maps the working copy tells it which pages were written, one
 * bit a page. It is freestanding, has no state of its own, and is linked into the kernel and into host tests.
 */
#pragma once
#include "abi/kernel.h"
#include "ssr/checksum.h"
#include <stdbool.h>
#include <stdint.h>

#define SSR_PAGE_BYTES 4096u
#define SSR_MAX_PAGES (SSR_BYTES_MAXIMUM / SSR_PAGE_BYTES)

enum ssr_verdict {
    SSR_INTACT,   /* as it should be */
    SSR_REPAIRED, /* one copy was bad and has been made from the other */
    SSR_LOST,     /* both copies are bad: quarantine it */
};

/* One range in the form in which it is checked: of the aligned quadword at `offset`, shifted and masked, the
 * distance from the minimum is at most the span. */
struct ssr_check {
    uint16_t offset; /* of the quadword with the first field */
    uint16_t count;  /* of fields */
    uint16_t stride;
    uint8_t shift;   /* bits; of every field, since a stride is a multiple of 8 where count > 1 */
    uint8_t reserved;
    uint64_t mask, minimum, span;
};

/* The layout's valid ranges. It is not to be copied, since it points into itself; the table belongs to the service and outlives every region that refers to it. */
struct ssr_layout {
    uint32_t count;
    const struct ssr_check *singles_end; /* checks of one field come first and end here */
    const struct ssr_check *end;
    struct ssr_check checks[SSR_RANGES_MAXIMUM];
};

/* Take over a table of at most SSR_RANGES_MAXIMUM ranges for regions of `bytes` bytes. False, and nothing has changed: a
 * field is not aligned to its width, lies outside, repeats at a stride that is not a multiple of 8, has an empty
 * range, or the fields are more than SSR_RANGE_COUNT_MAXIMUM. */
bool ssr_layout_set(struct ssr_layout *layout, const struct ssr_range *ranges, uint32_t count, uint32_t bytes);

struct ssr_memory {
    uint32_t pages;
    uint32_t committed;   /* 0 or 1: the copy that counts */
    uint32_t page_bytes;  /* bytes in use on each page, a multiple of CHECKSUM_GRANULE */
    uint32_t bytes;       /* size asked for */
    uint8_t quarantined;  /* LOST to its client; never opened again */
    uint8_t repairs;      /* saturating count of copies repaired */
    const struct ssr_layout *layout;
    uint64_t *page[2][SSR_MAX_PAGES];
    uint64_t sum[2][SSR_MAX_PAGES]; /* 64 bits wide, so that all tables have one stride */
};

/* Bytes of each page that a region of `bytes` (1..SSR_BYTES_MAXIMUM) uses, and its pages. */
uint32_t ssr_page_bytes(uint32_t bytes);
uint32_t ssr_page_count(uint32_t bytes);

/* Make a new region whose pages[2][] the caller has filled with zeroed, page-aligned frames. */
void ssr_initialise(struct ssr_memory *ssr, uint32_t bytes, const struct ssr_layout *layout);

/* As when it was made: zeros in both copies. */
void ssr_forget(struct ssr_memory *ssr);

/* Verify the working copy of all pages; repair from the committed copy where it is bad. */
enum ssr_verdict ssr_repair(struct ssr_memory *ssr);

/* Verify both copies, as scrubbing and the audit do. */
enum ssr_verdict ssr_scrub(struct ssr_memory *ssr);

/* Undo the transaction on the pages in `written`. LOST if a committed page turns out to be bad. */
enum ssr_verdict ssr_rollback(struct ssr_memory *ssr, uint32_t written);

static inline uint32_t ssr_working(const struct ssr_memory *ssr)
{
    return ssr->committed ^ 1u;
}

/* Does every value that the layout bounds lie in its range, on the pages in `written`? */
static inline bool ssr_ranges_hold(const struct ssr_memory *ssr, uint32_t copy, uint32_t written)
{
    const struct ssr_check *check = ssr->layout->checks, *end = check + ssr->layout->count;

    for (; check != end; check++) {
        uint32_t offset = check->offset;

        for (uint32_t i = check->count; i; i--, offset += check->stride) {
            const uint64_t *page = ssr->page[copy][offset / SSR_PAGE_BYTES];

            if (written & 1u << offset / SSR_PAGE_BYTES &&
                (page[offset % SSR_PAGE_BYTES / 8] >> check->shift & check->mask) - check->minimum > check->span)
                return false;
        }
    }
    return true;
}

/* The same for a region of one page. */
static inline bool ssr_page_ranges_hold(const struct ssr_layout *layout, const uint64_t *page)
{
    const struct ssr_check *check = layout->checks;

    for (; check != layout->singles_end; check++) {
        uint64_t word = *(const uint64_t *)((uintptr_t)page + check->offset);

        if (__builtin_expect((word >> check->shift & check->mask) - check->minimum > check->span, 0))
            return false;
    }
    for (; check != layout->end; check++) {
        const uint64_t *word = page + check->offset / 8;

        for (uint32_t i = check->count; i; i--, word += check->stride / 8)
            if (__builtin_expect((*word >> check->shift & check->mask) - check->minimum > check->span, 0))
                return false;
    }
    return true;
}

/* Begin: is the working copy as the last commit left it? On the fast path, so inline; the answer `false` sends
 * the caller to ssr_repair. */
static inline bool ssr_open(const struct ssr_memory *ssr)
{
    uint32_t working = ssr_working(ssr);

    for (uint32_t i = 0; i < ssr->pages; i++)
        if (__builtin_expect(checksum(ssr->page[working][i], ssr->page_bytes) != ssr->sum[working][i], 0))
            return false;
    return true;
}

/* Check a region of one page that was written, and checksum it; false: roll back, nothing has changed. */
static inline bool ssr_seal_page(struct ssr_memory *ssr)
{
    uint32_t working = ssr_working(ssr);

    if (ssr->layout && !ssr_page_ranges_hold(ssr->layout, ssr->page[working][0]))
        return false;
    ssr->sum[working][0] = checksum(ssr->page[working][0], ssr->page_bytes);
    return true;
}

/* The same for any region and the pages in `written`. */
static inline bool ssr_seal(struct ssr_memory *ssr, uint32_t written)
{
    uint32_t working = ssr_working(ssr);

    if (ssr->pages == 1)
        return ssr_seal_page(ssr);
    if (ssr->layout && !ssr_ranges_hold(ssr, working, written))
        return false;
    for (uint32_t i = 0; i < ssr->pages; i++)
        if (written & (1u << i))
            ssr->sum[working][i] = checksum(ssr->page[working][i], ssr->page_bytes);
    return true;
}

/* The commit of a sealed region: one flip. Cannot fail. */
static inline void ssr_publish(struct ssr_memory *ssr)
{
    ssr->committed ^= 1u;
}

static inline void ssr_copy_page(uint64_t *to, const uint64_t *from, uint32_t bytes)
{
    uint64_t quadwords = bytes / 8;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(quadwords) : : "memory");
}

/* After the flip: bring the copy that now is the working one up to date. A page that was not written is equal
 * in both copies already, so that the flip changed nothing for it. */
static inline void ssr_settle(struct ssr_memory *ssr, uint32_t written)
{
    uint32_t committed = ssr->committed, working = committed ^ 1u;

    for (uint32_t i = 0; i < ssr->pages; i++) {
        if (!(written & (1u << i)))
            continue;
        ssr_copy_page(ssr->page[working][i], ssr->page[committed][i], ssr->page_bytes);
        ssr->sum[working][i] = ssr->sum[committed][i];
    }
}

/* The same for a region of one page that was written. */
static inline void ssr_settle_page(struct ssr_memory *ssr)
{
    uint32_t committed = ssr->committed, working = committed ^ 1u;

    ssr_copy_page(ssr->page[working][0], ssr->page[committed][0], ssr->page_bytes);
    ssr->sum[working][0] = ssr->sum[committed][0];
}
