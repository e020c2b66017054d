/* SPDX-License-Identifier: MIT */
/*
 * Rule: the steps are in the order in which they can fail, the thread starts last, and every slot taken is in
 * struct spawn_child at once, so that spawn_release() is the one way back. What is written through the window is made
 * resident first, so that a quota that is too small is a status and not a fault.
 */
#include "spawn/spawn.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/service.h"
#include "perdure/slots.h"
#include "perdure/thread.h"
#include "spawn/block.h"

#define SIGNAL_ILL 4
#define SIGNAL_TRAP 5
#define SIGNAL_FPE 8
#define SIGNAL_KILL 9
#define SIGNAL_BUS 10
#define SIGNAL_SEGV 11

/* Note why it failed; 1 if it did. */
static int failed(int64_t status, const char *reason, struct spawn_failure *failure)
{
    if (status == PD_OK) {
        return 0;
    }
    failure->status = status;
    failure->reason = reason;
    return 1;
}

static uint64_t page_down(uint64_t address)
{
    return address & ~(uint64_t)(PAGE_BYTES - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + PAGE_BYTES - 1);
}

/* Copy bytes into page `page` of a memory, through the window. */
static int64_t fill_page(uint32_t memory, uint64_t page, uint64_t offset, const void *from, uint64_t bytes)
{
    int64_t status = pd_map(SLOT_SELF_DOMAIN, memory, SPAWN_WINDOW, page, 1, RIGHT_USE | RIGHT_WRITE,
                            MAP_RESIDENT);

    if (status == PD_OK) {
        __builtin_memcpy((uint8_t *)SPAWN_WINDOW + offset, from, bytes);
        status = pd_unmap(SLOT_SELF_DOMAIN, SPAWN_WINDOW, 1);
    }
    return status;
}

/* First and past-the-last address that come straight from the file; the rest of the segment is made of zeros. */
static uint64_t file_pages_end(const struct elf_segment *segment)
{
    uint64_t end = segment->address + segment->file_bytes;

    return segment->memory_bytes > segment->file_bytes ? page_down(end) : page_up(end);
}

/* Pages of zeros that a segment ends with, the first of them perhaps begun by bytes of the file. */
static uint64_t zero_pages(const struct elf_segment *segment)
{
    uint64_t start = file_pages_end(segment);
    uint64_t first = start > page_down(segment->address) ? start : page_down(segment->address);
    uint64_t end = page_up(segment->address + segment->memory_bytes);

    return end > first ? (end - first) / PAGE_BYTES : 0;
}

static uint64_t protection_of(const struct elf_segment *segment)
{
    return RIGHT_USE | (segment->protection & ELF_WRITE ? RIGHT_WRITE : 0) |
           (segment->protection & ELF_EXECUTE ? RIGHT_EXECUTE : 0);
}

uint32_t spawn_parts(const struct elf_program *program, struct spawn_part parts[SPAWN_PARTS_MAXIMUM])
{
    uint64_t zero_page = 0;
    uint32_t count = 0;

    for (uint32_t index = 0; index < program->count; index++) {
        const struct elf_segment *segment = &program->segment[index];
        uint64_t start = page_down(segment->address);
        uint64_t end = file_pages_end(segment);
        uint64_t zeros = zero_pages(segment);

        if (end > start) {
            parts[count++] = (struct spawn_part){.segment = segment,
                                                 .address = start,
                                                 .pages = (end - start) / PAGE_BYTES,
                                                 .first_page = page_down(segment->offset_bytes) / PAGE_BYTES,
                                                 .protection = protection_of(segment)};
        }
        if (zeros) {
            parts[count++] = (struct spawn_part){.segment = segment,
                                                 .address = page_up(segment->address + segment->memory_bytes) -
                                                            zeros * PAGE_BYTES,
                                                 .pages = zeros,
                                                 .first_page = zero_page,
                                                 .protection = protection_of(segment),
                                                 .zeros = 1};
            zero_page += zeros;
        }
    }
    return count;
}

/* The bytes of the file with which a part of zeros begins. */
static int64_t fill_part(uint32_t memory, const struct spawn_part *part, const struct spawn_image *image)
{
    const struct elf_segment *segment = part->segment;
    uint64_t file_end = segment->address + segment->file_bytes;
    uint64_t from = segment->address > part->address ? segment->address : part->address;

    if (file_end <= from) {
        return PD_OK;
    }
    return fill_page(memory, part->first_page, from - part->address,
                     (const uint8_t *)image->mapped + segment->offset_bytes + (from - segment->address), file_end - from);
}

int spawn_zeros(uint32_t domain, uint32_t *memory, const struct spawn_image *image, const struct spawn_part *parts,
                uint32_t count, struct spawn_failure *failure)
{
    uint64_t pages = 0;

    for (uint32_t index = 0; index < count; index++) {
        pages += parts[index].zeros ? parts[index].pages : 0;
    }
    if (pages == 0) {
        return 0;
    }
    *memory = pd_slot_take();
    if (failed(pd_create_memory(domain, *memory, pages, 0), "memory for its data", failure)) {
        return -1;
    }
    for (uint32_t index = 0; index < count; index++) {
        if (parts[index].zeros && failed(fill_part(*memory, &parts[index], image), "filling its data", failure)) {
            return -1;
        }
    }
    return 0;
}

/* All segments of the program. The zeros of all of them are one memory of the child's. */
static int map_program(struct spawn_child *child, const struct spawn_image *image, const struct elf_program *program,
                       struct spawn_failure *failure)
{
    struct spawn_part parts[SPAWN_PARTS_MAXIMUM];
    uint32_t count = spawn_parts(program, parts);

    if (spawn_zeros(child->domain, &child->zero_memory, image, parts, count, failure) != 0) {
        return -1;
    }
    for (uint32_t index = 0; index < count; index++) {
        const struct spawn_part *part = &parts[index];
        int64_t status = pd_map(child->domain, part->zeros ? child->zero_memory : image->memory_slot, part->address,
                                spawn_part_page(part, image), part->pages, part->protection, spawn_part_flags(part));

        if (failed(status, part->zeros ? "mapping its data" : "mapping its file", failure)) {
            return -1;
        }
    }
    return 0;
}

int spawn_stack(uint32_t domain, uint32_t *memory, const struct spawn_request *request, uint64_t *block,
                struct spawn_failure *failure)
{
    const uint64_t stack_pages = PROGRAM_STACK_BYTES / PAGE_BYTES;
    const uint64_t block_pages = pd_pages(startup_bytes(request));
    int fits;

    if (block_pages > STARTUP_BYTES_MAXIMUM / PAGE_BYTES) {
        failure->status = PD_TOO_LARGE;
        failure->reason = "arguments and environment";
        return -1;
    }
    *memory = pd_slot_take();
    if (failed(pd_create_memory(domain, *memory, stack_pages, 0), "memory for its stack", failure) ||
        failed(pd_map(SLOT_SELF_DOMAIN, *memory, SPAWN_WINDOW, stack_pages - block_pages, block_pages,
                      RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT),
               "memory for its arguments", failure)) {
        return -1;
    }
    *block = PROGRAM_STACK_TOP - block_pages * PAGE_BYTES;
    fits = startup_build((void *)SPAWN_WINDOW, block_pages * PAGE_BYTES, *block, request);
    pd_unmap(SLOT_SELF_DOMAIN, SPAWN_WINDOW, block_pages);
    return failed(fits == 0 ? PD_OK : PD_TOO_LARGE, "arguments and environment", failure) ? -1 : 0;
}

/* The stack with the start-up block at its top; *block is the block's address in the child. */
static int make_stack(struct spawn_child *child, const struct spawn_request *request, uint64_t *block,
                      struct spawn_failure *failure)
{
    if (spawn_stack(child->domain, &child->stack_memory, request, block, failure) != 0) {
        return -1;
    }
    return failed(pd_map(child->domain, child->stack_memory, PROGRAM_STACK_TOP - PROGRAM_STACK_BYTES, 0,
                         PROGRAM_STACK_BYTES / PAGE_BYTES, RIGHT_USE | RIGHT_WRITE, 0),
                  "mapping its stack", failure)
               ? -1
               : 0;
}

/* What every domain holds of itself (abi/kernel.h): domain, thread, scheduling context; and the boot page. What it may do with its
 * time, it could with that of a thread of its own: the domain's priority limit bounds both. */
static int give_self(struct spawn_child *child, uint64_t badge, struct spawn_failure *failure)
{
    return failed(pd_copy(SLOT_SELF_DOMAIN, child->domain, child->domain, SLOT_SELF_DOMAIN,
                          RIGHT_ALL & ~RIGHT_SUPERVISE, badge),
                  "naming itself", failure) ||
                   failed(pd_copy(SLOT_SELF_DOMAIN, child->thread, child->domain, SLOT_SELF_THREAD,
                                  RIGHT_USE | RIGHT_MANAGE, badge),
                          "naming its thread", failure) ||
                   failed(pd_copy(SLOT_SELF_DOMAIN, child->sched_context, child->domain, SLOT_SCHED_CONTEXT,
                                  RIGHT_USE | RIGHT_MANAGE | RIGHT_GRANT, badge),
                          "naming its time", failure) ||
                   failed(pd_map(child->domain, SLOT_BOOT_INFO, BOOT_INFO_ADDRESS, 0, 1, RIGHT_USE, 0),
                          "mapping the boot page", failure)
               ? -1
               : 0;
}

/* The portals and capabilities that the program is given. */
static int give_capabilities(struct spawn_child *child, const struct spawn_request *request,
                             struct spawn_failure *failure)
{
    if (failed(request->service_count <= SPAWN_SERVICES_MAXIMUM ? PD_OK : PD_TOO_LARGE, "its services", failure)) {
        return -1;
    }
    for (uint32_t index = 0; index < request->service_count; index++) {
        const struct spawn_service *service = &request->services[index];

        if (failed(pd_service_bind(service->service_slot, child->domain, service->portal_slot,
                                   service->badge ? service->badge : request->process_number, &child->bindings[index]),
                   "binding a service", failure)) {
            return -1;
        }
    }
    for (uint32_t index = 0; index < request->capability_count; index++) {
        const struct spawn_capability *capability = &request->capabilities[index];

        if (failed(pd_copy(SLOT_SELF_DOMAIN, capability->source_slot, child->domain, capability->destination_slot,
                           capability->rights, request->process_number),
                   "copying a capability", failure)) {
            return -1;
        }
    }
    return 0;
}

/* Thread and time. */
static int make_thread(struct spawn_child *child, const struct spawn_request *request,
                       struct spawn_failure *failure)
{
    child->thread = pd_slot_take();
    if (failed(pd_create_thread(child->domain, child->thread, child->domain), "its thread", failure)) {
        return -1;
    }
    child->sched_context = pd_slot_take();
    if (failed(pd_create_sched_context(child->domain, child->sched_context), "its scheduling context", failure) ||
        failed(pd_sched_context_set(child->sched_context, request->priority, 0, 0), "its priority",
               failure) ||
        failed(pd_bind_sched_context(child->thread, child->sched_context), "giving it time", failure)) {
        return -1;
    }
    return 0;
}

/* What the program may give to threads of its own. */
static uint64_t priority_limit(const struct spawn_request *request)
{
    return request->priority_limit > request->priority ? request->priority_limit : request->priority;
}

int spawn_begin(const struct spawn_request *request, struct spawn_child *child, struct spawn_failure *failure)
{
    *child = (struct spawn_child){0};
    *failure = (struct spawn_failure){0};
    child->domain = pd_slot_take();
    return failed(pd_create_sharing_domain(SLOT_ACCOUNT, child->domain, request->limit_pages), "its domain", failure) ||
                   failed(pd_set_name(child->domain, request->name), "its name", failure) ||
                   failed(pd_set_priority_limit(child->domain, priority_limit(request)), "its priority limit", failure)
               ? -1
               : 0;
}

int spawn_run(const struct spawn_request *request, struct spawn_child *child, uint64_t entry, uint64_t stack,
              uint64_t argument, struct spawn_failure *failure)
{
    return make_thread(child, request, failure) || give_self(child, request->process_number, failure) ||
                   give_capabilities(child, request, failure) ||
                   failed(pd_set_exit_notification(child->domain, request->exit_notification, request->exit_bits),
                          "its exit notification", failure) ||
                   failed(pd_thread_start(child->thread, entry, stack, argument), "starting it", failure)
               ? -1
               : 0;
}

int spawn_start(const struct spawn_request *request, const struct spawn_image *image, struct spawn_child *child,
                struct spawn_failure *failure)
{
    struct elf_program program;
    uint64_t block;
    const char *reason = elf_read(image->mapped, image->bytes, PROGRAM_BASE, PROGRAM_HEAP, &program);

    if (reason) {
        *child = (struct spawn_child){0};
        *failure = (struct spawn_failure){.reason = reason};
        return -1;
    }
    if (spawn_begin(request, child, failure) || map_program(child, image, &program, failure) ||
        make_stack(child, request, &block, failure) ||
        spawn_run(request, child, program.entry, block - 8, block, failure)) {
        spawn_release(child);
        return -1;
    }
    return 0;
}

/* The signal that a vector of the processor stands for. */
static int signal_of(uint64_t vector)
{
    switch (vector) {
    case 0:
    case 16:
    case 19:
        return SIGNAL_FPE;
    case 1:
    case 3:
        return SIGNAL_TRAP;
    case 6:
        return SIGNAL_ILL;
    case FAULT_NO_PAGE:
        return SIGNAL_BUS;
    default:
        return SIGNAL_SEGV;
    }
}

int spawn_status(const struct spawn_child *child, int *signal)
{
    struct pd_domain_status status;
    int number = 0;
    int answer;

    if (pd_domain_status(child->domain, &status) != PD_OK) {
        status.state = DOMAIN_KILLED;
    }
    switch (status.state) {
    case DOMAIN_ALIVE:
        return -1;
    case DOMAIN_EXITED:
        answer = (int)(status.detail & 0xff);
        break;
    case DOMAIN_FAULTED:
        number = signal_of(status.detail);
        answer = 128 + number;
        break;
    default:
        number = SIGNAL_KILL;
        answer = 128 + number;
        break;
    }
    if (signal) {
        *signal = number;
    }
    return answer;
}

void spawn_release(struct spawn_child *child)
{
    if (child->domain) {
        pd_kill(child->domain);
    }
    pd_slot_drop(child->sched_context);
    pd_slot_drop(child->thread);
    pd_slot_drop(child->stack_memory);
    pd_slot_drop(child->zero_memory);
    pd_slot_drop(child->domain);
    *child = (struct spawn_child){0};
}
