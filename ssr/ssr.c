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
    ssr->pages = (uint8_t)ssr_page_count(bytes);
    ssr->page_bytes = (uint16_t)ssr_page_bytes(bytes);
    ssr->bytes = (uint16_t)bytes;
    ssr->committed = 0;
    ssr->quarantined = 0;
    ssr->repairs = 0;
    ssr->layout = layout && layout->count ? layout : 0;
    for (uint32_t copy = 0; copy < 2; copy++)
        for (uint32_t i = 0; i < ssr->pages; i++)
            ssr->sum[copy][i] = checksum(ssr->page[copy][i], ssr->page_bytes);
}

static uint64_t load_value(const uint8_t *at, uint32_t width_bytes)
{
    switch (width_bytes) {
    case 1:
        return *at;
    case 2:
        return *(const uint16_t *)(const void *)at;
    case 4:
        return *(const uint32_t *)(const void *)at;
    default:
        return *(const uint64_t *)(const void *)at;
    }
}

static bool range_holds(const struct ssr_memory *ssr, uint32_t copy, uint32_t written, const struct ssr_range *range)
{
    uint32_t offset = range->offset;

    for (uint32_t i = 0; i < range->count; i++, offset += range->stride) {
        uint32_t page = offset / SSR_PAGE_BYTES;
        uint64_t value;

        if (!(written & (1u << page)))
            continue;
        value = load_value((const uint8_t *)ssr->page[copy][page] + offset % SSR_PAGE_BYTES, range->width_bytes);
        if (value < range->minimum || value > range->maximum)
            return false;
    }
    return true;
}

bool ssr_ranges_hold(const struct ssr_memory *ssr, uint32_t copy, uint32_t written)
{
    const struct ssr_layout *layout = ssr->layout;

    for (uint32_t i = 0; i < layout->count; i++)
        if (!range_holds(ssr, copy, written, &layout->ranges[i]))
            return false;
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
