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
#define FILL_STEP_PAGES 16u

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

/* Fill up to FILL_STEP_PAGES more pages of the segment that is being added and show them to the service: from its start on
 * all its memory is resident, scratch too, so that it needs none when there is none left. */
static int64_t segment_fill_step(struct service *service, struct segment *segment)
{
    for (uint32_t budget = FILL_STEP_PAGES; service->filled_pages < segment->pages; service->filled_pages++) {
        uint32_t page = service->filled_pages;
        int64_t status;

        if (!budget--)
            return PD_AGAIN;
        if (!memory_populate(segment->memory, page))
            return PD_NO_QUOTA;
        if (segment->kind != SEGMENT_SCRATCH) /* which is never restored; its frames came zeroed */
            fill_page(segment, page);
        if (segment->sums)
            segment->sums[page] = checksum(live_page(segment, page), PAGE_BYTES);
        status = domain_resolve(service->domain, segment->address + (uint64_t)page * PAGE_BYTES, RIGHT_USE);
        if (status != PD_OK)
            return status;
    }
    return PD_OK;
}

static int64_t segment_begin(struct service *service, struct segment *segment, const struct segment *wanted)
{
    uint8_t protection = RIGHT_USE | (wanted->kind == SEGMENT_CODE ? RIGHT_EXECUTE : RIGHT_WRITE);
    int64_t status;

    *segment = *wanted;
    service->filled_pages = 0;
    segment->memory = memory_create(service->domain, wanted->pages);
    if (!segment->memory)
        return PD_NO_QUOTA;
    if (in_image(segment)) {
        object_hold(&segment->pristine->object);
        segment->sums = kernel_allocate(service->domain, wanted->pages * sizeof(uint32_t));
        if (!segment->sums)
            return PD_NO_QUOTA;
    }
    status = domain_map(service->domain, segment->memory, segment->address, 0, segment->pages, protection, false);
    if (status == PD_OK)
        service->domain->mappings[service->domain->mapping_count - 1].segment = 1;
    return status;
}

void segment_forget(struct service *service, struct segment *segment)
{
    struct domain *domain = service->domain;

    if (!segment->memory)
        return;
    if (segment->sums)
        kernel_free(domain, segment->sums, segment->pages * sizeof(uint32_t));
    if (segment->pristine)
        object_release(&segment->pristine->object);
    object_release(&segment->memory->object);
    *segment = (struct segment){0};
}

/* One that is not finished; nothing of it has ever been lent. */
static void segment_drop(struct service *service, struct segment *segment)
{
    struct mapping *mapping = domain_mapping(service->domain, segment->address);

    if (mapping && mapping->memory == segment->memory)
        while (!domain_unmap_step(service->domain, mapping))
            ; /* once: only what has been filled was too large for the quota, and that is not a long segment */
    segment_forget(service, segment);
}

int64_t segment_add(struct service *service, const struct segment *wanted)
{
    struct segment *segment = &service->segments[service->segment_count];
    int64_t status = PD_OK;

    if (service->segment_count == SERVICE_SEGMENTS)
        return PD_TOO_LARGE;
    if (segment->memory && (segment->address != wanted->address || segment->pages != wanted->pages))
        segment_drop(service, segment); /* of a maker that did not come to its end */
    if (!segment->memory)
        status = segment_begin(service, segment, wanted);
    if (status == PD_OK)
        status = segment_fill_step(service, segment);
    if (status == PD_OK)
        service->segment_count++;
    else if (status != PD_AGAIN)
        segment_drop(service, segment);
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

/* One bounded piece of the mappings that the incarnation made itself, which end with it; false: none is left. */
static bool drop_mapping_step(struct domain *domain)
{
    for (uint32_t i = 0; i < domain->mapping_count; i++) {
        if (domain->mappings[i].incarnation) {
            domain_unmap_step(domain, &domain->mappings[i]);
            return true;
        }
    }
    return false;
}

bool service_restore_step(struct service *service, uint64_t *remaining)
{
    if (service->stage == STAGE_FAILED) {
        service_set_stage(service, STAGE_RESTORING);
        service->restore_segment = service->restore_page = 0;
        trace_current(service)->t_decided = cpu_timestamp();
    }
    *remaining = service->segment_count - service->restore_segment + 1;
    if (drop_mapping_step(service->domain))
        return true;
    for (uint32_t budget = RESTORE_STEP_PAGES; service->restore_segment < service->segment_count;) {
        struct segment *segment = &service->segments[service->restore_segment];

        if (segment->kind == SEGMENT_SCRATCH || service->restore_page == segment->pages) {
            service->restore_segment++;
            service->restore_page = 0;
            continue;
        }
        if (!budget--)
            return true;
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
    if (service->domain->lending)
        service->start_later = true; /* transfer_unlend starts it */
    else
        thread_wake(worker);
    window_changed(service);
    if (service->tracing)
        trace_current(service)->t_started = cpu_timestamp();
}
