/* SPDX-License-Identifier: MIT */
/* The crash flow, second half: code checked against the pristine image and data restored from it, page by page in
 * bounded steps, then a new incarnation. Nothing is allocated: the frames are the old incarnation's.
 * Rule: a code page is used only if it has its checksum, a data page only if its pristine copy has.
 */
#include "kernel/domain.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"
#include "kernel/x86_64/cpu.h"

#define RESTORE_STEP_PAGES 8u

static bool in_image(const struct segment *segment)
{
    return segment->kind == SEGMENT_CODE || segment->kind == SEGMENT_DATA;
}

/* Bytes of page `page` that come from the pristine image. */
static uint32_t pristine_bytes(const struct segment *segment, uint32_t page)
{
    uint64_t before = (uint64_t)page * PAGE_BYTES;

    if (segment->data_bytes <= before)
        return 0;
    return segment->data_bytes - before < PAGE_BYTES ? (uint32_t)(segment->data_bytes - before) : PAGE_BYTES;
}

static void *pristine_page(const struct segment *segment, uint32_t page)
{
    bool own;

    return physical_to_pointer(memory_frame(segment->pristine, segment->pristine_page + page, &own));
}

static void *live_page(const struct segment *segment, uint32_t page)
{
    bool own;

    return physical_to_pointer(memory_frame(segment->memory, page, &own));
}

static void fill_page(const struct segment *segment, uint32_t page)
{
    uint32_t bytes = pristine_bytes(segment, page);
    char *live = live_page(segment, page);

    if (bytes) {
        const char *pristine = pristine_page(segment, page);

        words_copy(live, pristine, bytes / 8);
        for (uint32_t i = bytes & ~7u; i < bytes; i++)
            live[i] = pristine[i];
    }
    for (uint32_t i = bytes; i % 8; i++)
        live[i] = 0;
    words_zero(live + ((bytes + 7) & ~7u), (PAGE_BYTES - ((bytes + 7) & ~7u)) / 8);
}

static int64_t segment_furnish(struct service *service, struct segment *segment)
{
    uint8_t protection = RIGHT_USE | (segment->kind == SEGMENT_CODE ? RIGHT_EXECUTE : RIGHT_WRITE);
    bool resident = segment->kind != SEGMENT_SCRATCH;
    int64_t status;

    for (uint32_t i = 0; resident && i < segment->pages; i++) {
        if (!memory_populate(segment->memory, i))
            return PD_NO_QUOTA;
        fill_page(segment, i);
        if (segment->sums)
            segment->sums[i] = checksum(live_page(segment, i), PAGE_BYTES);
    }
    status = domain_map(service->domain, segment->memory, segment->address, 0, segment->pages, protection, false);
    if (status != PD_OK)
        return status;
    service->domain->mappings[service->domain->mapping_count - 1].segment = 1;
    for (uint32_t i = 0; resident && i < segment->pages; i++) {
        status = domain_resolve(service->domain, segment->address + (uint64_t)i * PAGE_BYTES, RIGHT_USE);
        if (status != PD_OK)
            return status;
    }
    return PD_OK;
}

int64_t segment_add(struct service *service, const struct segment *wanted)
{
    struct segment *segment = &service->segments[service->segment_count];
    int64_t status;

    if (service->segment_count == SERVICE_SEGMENTS)
        return PD_TOO_LARGE;
    *segment = *wanted;
    segment->memory = memory_create(service->domain, wanted->pages);
    if (!segment->memory)
        return PD_NO_QUOTA;
    if (in_image(segment)) {
        segment->sums = kernel_allocate(service->domain, wanted->pages * sizeof(uint32_t));
        if (!segment->sums)
            return PD_NO_QUOTA;
        object_hold(&segment->pristine->object);
    }
    status = segment_furnish(service, segment);
    if (status == PD_OK)
        service->segment_count++;
    return status;
}

/* A data page's pristine copy is good if what it would restore has the checksum taken when it was added. */
static bool restore_page(const struct segment *segment, uint32_t page)
{
    if (segment->kind == SEGMENT_ZERO) {
        page_zero(live_page(segment, page));
        return true;
    }
    if (segment->kind == SEGMENT_CODE && checksum(live_page(segment, page), PAGE_BYTES) == segment->sums[page])
        return true;
    fill_page(segment, page);
    return checksum(live_page(segment, page), PAGE_BYTES) == segment->sums[page];
}

/* Mappings that the incarnation made itself end with it. */
static void drop_incarnation_mappings(struct domain *domain)
{
    for (uint32_t i = domain->mapping_count; i-- > 0;)
        if (domain->mappings[i].incarnation)
            domain_drop_mapping(domain, &domain->mappings[i]);
}

bool service_restore_step(struct service *service, uint64_t *remaining)
{
    uint32_t budget = RESTORE_STEP_PAGES;

    if (service->stage == STAGE_FAILED) {
        service_set_stage(service, STAGE_RESTORING);
        service->restore_segment = service->restore_page = 0;
        drop_incarnation_mappings(service->domain);
        trace_current(service)->t_decided = cpu_timestamp();
    }
    while (service->restore_segment < service->segment_count) {
        struct segment *segment = &service->segments[service->restore_segment];

        if (segment->kind == SEGMENT_SCRATCH || service->restore_page == segment->pages) {
            service->restore_segment++;
            service->restore_page = 0;
            continue;
        }
        if (!budget--) {
            *remaining = service->segment_count - service->restore_segment;
            return true;
        }
        if (!restore_page(segment, service->restore_page))
            return false;
        service->restore_page++;
    }
    trace_current(service)->t_restored = cpu_timestamp();
    *remaining = 0;
    return true;
}

void service_restart(struct service *service, uint64_t entry, uint32_t stage)
{
    struct thread *worker = service->worker;

    if (!transaction_open_region(service)) {
        service_give_up(service);
        return;
    }
    service->incarnation++;
    service_set_stage(service, stage);
    for (uint32_t i = 0; i < WINDOW_REGION_ENTRY; i++)
        service->window[i] = 0;
    if (service->region)
        window_map(service->window + WINDOW_REGION_ENTRY, service->region);
    service->used_ticks = 0;
    service->attention = ATTENTION_STARTING | ATTENTION_NO_CALLER | ATTENTION_QUEUED;
    thread_prepare(worker, entry, service->stack_top, service->incarnation);
    worker->context = service->context;
    thread_wake(worker);
    window_changed(service);
    if (service->tracing)
        trace_current(service)->t_started = cpu_timestamp();
}
