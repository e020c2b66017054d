/* SPDX-License-Identifier: MIT */
/* The SSR manager's slower half: creation, range checks, repair, rollback. See ssr.h for the rule. */
#include "ssr/ssr.h"

uint32_t ssr_page_count(uint32_t bytes)
{
    return (bytes + SSR_PAGE_BYTES - 1) / SSR_PAGE_BYTES;
}

uint32_t ssr_page_bytes(uint32_t bytes)
{
    if (bytes >= SSR_PAGE_BYTES)
        return SSR_PAGE_BYTES;
    return (bytes + CHECKSUM_GRANULE - 1) & ~(CHECKSUM_GRANULE - 1);
}

void ssr_initialise(struct ssr_memory *ssr, uint32_t bytes, const struct ssr_layout *layout)
{
    ssr->pages = ssr_page_count(bytes);
    ssr->page_bytes = ssr_page_bytes(bytes);
    ssr->bytes = bytes;
    ssr->committed = 0;
    ssr->quarantined = 0;
    ssr->repairs = 0;
    ssr->layout = layout && layout->count ? layout : 0;
    for (uint32_t copy = 0; copy < 2; copy++)
        for (uint32_t i = 0; i < ssr->pages; i++)
            ssr->sum[copy][i] = checksum(ssr->page[copy][i], ssr->page_bytes);
}

void ssr_forget(struct ssr_memory *ssr)
{
    for (uint32_t copy = 0; copy < 2; copy++)
        for (uint32_t i = 0; i < ssr->pages; i++)
            for (uint32_t word = 0; word < SSR_PAGE_BYTES / sizeof(uint64_t); word++)
                ssr->page[copy][i][word] = 0;
    ssr_initialise(ssr, ssr->bytes, ssr->layout);
}

static bool range_valid(const struct ssr_range *range, uint32_t bytes)
{
    uint32_t width = range->width_bytes;
    uint64_t last = range->offset + (uint64_t)(range->count - 1u) * range->stride;

    return (width == 1 || width == 2 || width == 4 || width == 8) && range->count && range->offset % width == 0 &&
           (range->count == 1 || range->stride % 8 == 0) && last + width <= bytes && range->minimum <= range->maximum;
}

/* The checks of those ranges that have one field, or of the others. */
static void add_checks(struct ssr_layout *layout, const struct ssr_range *ranges, uint32_t count, bool singles)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct ssr_range *range = &ranges[i];

        if ((range->count == 1) != singles)
            continue;
        layout->checks[layout->count++] = (struct ssr_check){
            .offset = range->offset & ~7u,
            .count = range->count,
            .stride = range->stride,
            .shift = (uint8_t)(range->offset % 8 * 8),
            .mask = range->width_bytes == 8 ? UINT64_MAX : (1ull << range->width_bytes * 8) - 1,
            .minimum = range->minimum,
            .span = range->maximum - range->minimum,
        };
    }
}

bool ssr_layout_set(struct ssr_layout *layout, const struct ssr_range *ranges, uint32_t count, uint32_t bytes)
{
    uint32_t fields = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (!range_valid(&ranges[i], bytes))
            return false;
        fields += ranges[i].count;
    }
    if (count > SSR_RANGES_MAXIMUM || fields > SSR_RANGE_COUNT_MAXIMUM)
        return false;
    layout->count = 0;
    add_checks(layout, ranges, count, true);
    layout->singles_end = layout->checks + layout->count;
    add_checks(layout, ranges, count, false);
    layout->end = layout->checks + layout->count;
    return true;
}

static bool page_intact(const struct ssr_memory *ssr, uint32_t copy, uint32_t i)
{
    return checksum(ssr->page[copy][i], ssr->page_bytes) == ssr->sum[copy][i];
}

/* Make page i of copy `bad` from the other copy. */
static bool mend_page(struct ssr_memory *ssr, uint32_t bad, uint32_t i)
{
    uint32_t good = bad ^ 1u;

    if (!page_intact(ssr, good, i)) {
        ssr->quarantined = 1;
        return false;
    }
    ssr_copy_page(ssr->page[bad][i], ssr->page[good][i], ssr->page_bytes);
    ssr->sum[bad][i] = ssr->sum[good][i];
    if (ssr->repairs < UINT8_MAX)
        ssr->repairs++;
    return true;
}

static enum ssr_verdict mend_copy(struct ssr_memory *ssr, uint32_t copy)
{
    enum ssr_verdict verdict = SSR_INTACT;

    for (uint32_t i = 0; i < ssr->pages; i++) {
        if (page_intact(ssr, copy, i))
            continue;
        if (!mend_page(ssr, copy, i))
            return SSR_LOST;
        verdict = SSR_REPAIRED;
    }
    return verdict;
}

enum ssr_verdict ssr_repair(struct ssr_memory *ssr)
{
    return mend_copy(ssr, ssr_working(ssr));
}

enum ssr_verdict ssr_scrub(struct ssr_memory *ssr)
{
    enum ssr_verdict working = mend_copy(ssr, ssr_working(ssr));
    enum ssr_verdict committed = working == SSR_LOST ? SSR_LOST : mend_copy(ssr, ssr->committed);

    return committed == SSR_INTACT ? working : committed;
}

enum ssr_verdict ssr_rollback(struct ssr_memory *ssr, uint32_t written)
{
    uint32_t committed = ssr->committed, working = committed ^ 1u;

    for (uint32_t i = 0; i < ssr->pages; i++) {
        if (!(written & (1u << i)))
            continue;
        if (!page_intact(ssr, committed, i)) {
            ssr->quarantined = 1;
            return SSR_LOST;
        }
        ssr_copy_page(ssr->page[working][i], ssr->page[committed][i], ssr->page_bytes);
        ssr->sum[working][i] = ssr->sum[committed][i];
    }
    return SSR_INTACT;
}
