/* SPDX-License-Identifier: MIT */
/* Making threads, domains and services for the tests. Rule: harness.h. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <elf/elf.h>
#include <spawn/program.h>

#define STACK_ADDRESS 0x20000000ul /* the end of each stack, in other domains */
#define STACK_PAGES 4
#define STACKS 16
#define STACK_BYTES 8192
#define SETTLE_MS 20
#define SETTLE_ROUNDS 200
#define RESTORE_STEPS_MAXIMUM 100000

static uint32_t board_memory, buffer_memory;
static struct spawn_image image;
static struct elf_program program;
static uint8_t stacks[STACKS][STACK_BYTES] __attribute__((aligned(16)));
static uint32_t stacks_taken;

const char *failure(int line, const char *what, int64_t actual, int64_t expected)
{
    static char text[256];

    snprintf(text, sizeof text, "line %d: %s is %lld, not %lld", line, what, (long long)actual, (long long)expected);
    return text;
}

void sleep_ms(uint64_t milliseconds)
{
    pd_sleep_until(pd_now_ns() + milliseconds * MILLISECOND_NS);
}

static uint64_t used_pages(void)
{
    uint64_t quota, used, threads, name;

    pd_domain_info(SLOT_SELF_DOMAIN, &quota, &used, &threads, &name);
    return used;
}

uint64_t threads_alive(void)
{
    uint64_t quota, used, threads, name;

    pd_domain_info(SLOT_SELF_DOMAIN, &quota, &used, &threads, &name);
    return threads;
}

uint64_t pages_in_use(void)
{
    uint64_t before = used_pages();

    for (int round = 0, still = 0; round < SETTLE_ROUNDS && still < 3; round++) {
        uint64_t now;

        sleep_ms(SETTLE_MS);
        now = used_pages();
        still = now == before ? still + 1 : 0;
        before = now;
    }
    return before;
}

int wait_for(volatile uint64_t *flag, uint64_t value)
{
    for (int round = 0; round < 1000; round++) {
        if (*flag >= value) {
            return 1;
        }
        sleep_ms(1);
    }
    return 0;
}

static void must(int64_t status, const char *what)
{
    if (status != PD_OK) {
        printf("FAIL harness %s: %s\n", what, pd_status_text(status));
        exit(2);
    }
}

void harness_map_buffer(void)
{
    must(pd_map(SLOT_SELF_DOMAIN, buffer_memory, BUFFER_ADDRESS, 0, BUFFER_PAGES, RIGHT_USE | RIGHT_WRITE,
                MAP_RESIDENT),
         "mapping the buffer");
}

/* Pages of the capability table, once used, stay with their domain: make them all before anything is counted. */
static void touch_slots(void)
{
    for (uint32_t slot = SLOT_FREE; slot < CAPABILITY_SLOTS; slot += 64) {
        if (pd_create_notification(SLOT_SELF_DOMAIN, slot) == PD_OK) {
            pd_delete(SLOT_SELF_DOMAIN, slot);
        }
    }
}

void harness_begin(void)
{
    const char *reason;

    board_memory = pd_slot_take();
    buffer_memory = pd_slot_take();
    must(pd_create_memory(SLOT_SELF_DOMAIN, board_memory, 1, 0), "making the board");
    must(pd_create_memory(SLOT_SELF_DOMAIN, buffer_memory, BUFFER_PAGES, 0), "making the buffer");
    touch_slots();
    memset(stacks, 0, sizeof stacks);
    must(pd_create_notification(SLOT_SELF_DOMAIN, GUEST_NEVER_SLOT), "making a notification");
    must(pd_map(SLOT_SELF_DOMAIN, board_memory, BOARD_ADDRESS, 0, 1, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT),
         "mapping the board");
    harness_map_buffer();
    if (!program_find("kerneltest", &image)) {
        must(PD_BAD_ARGUMENT, "finding the image `kerneltest` in the payload");
    }
    reason = elf_read(image.mapped, image.bytes, PROGRAM_BASE, PROGRAM_HEAP, &program);
    if (reason) {
        must(PD_BAD_ARGUMENT, reason);
    }
}

void harness_reset(void)
{
    memset((void *)BOARD_ADDRESS, 0, sizeof(struct board));
    memset((void *)BUFFER_ADDRESS, 0, BUFFER_PAGES * PAGE_BYTES);
    stacks_taken = 0;
}

/* ---- threads and domains ---- */

static int64_t give_time(struct task *task, uint64_t priority)
{
    int64_t status;

    task->context = pd_slot_take();
    status = pd_create_sched_context(SLOT_SELF_DOMAIN, task->context);
    if (status == PD_OK) {
        status = pd_sched_context_set(task->context, priority, 0, 0);
    }
    return status == PD_OK ? pd_bind_sched_context(task->thread, task->context) : status;
}

int64_t task_start(struct task *task, void (*entry)(uint64_t), uint64_t argument, uint64_t priority)
{
    uint64_t stack = (uint64_t)stacks[stacks_taken++ % STACKS] + STACK_BYTES - 8;
    int64_t status;

    *task = (struct task){.thread = pd_slot_take()};
    status = pd_create_thread(SLOT_SELF_DOMAIN, task->thread, SLOT_SELF_DOMAIN);
    if (status == PD_OK) {
        status = give_time(task, priority);
    }
    return status == PD_OK ? pd_thread_start(task->thread, (uint64_t)entry, stack, argument) : status;
}

/* This program's code and constants. */
static int64_t map_code(uint32_t domain)
{
    int64_t status = PD_OK;

    for (uint32_t index = 0; status == PD_OK && index < program.count; index++) {
        const struct elf_segment *segment = &program.segment[index];

        if (!(segment->protection & ELF_WRITE)) {
            status = pd_map(domain, image.memory_slot, segment->address & ~(uint64_t)(PAGE_BYTES - 1),
                            image.first_page + segment->offset_bytes / PAGE_BYTES, pd_pages(segment->memory_bytes),
                            RIGHT_USE | (segment->protection & ELF_EXECUTE ? RIGHT_EXECUTE : 0), 0);
        }
    }
    return status;
}

static int64_t map_shared(uint32_t domain)
{
    int64_t status = pd_map(domain, board_memory, BOARD_ADDRESS, 0, 1, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT);

    if (status == PD_OK) {
        status = pd_map(domain, buffer_memory, BUFFER_ADDRESS, 0, BUFFER_PAGES, RIGHT_USE | RIGHT_WRITE, 0);
    }
    return status;
}

int64_t task_domain(struct task *task, uint64_t quota_pages)
{
    int64_t status;

    *task = (struct task){.domain = pd_slot_take()};
    status = pd_create_domain(SLOT_SELF_DOMAIN, task->domain, quota_pages);
    return status == PD_OK ? task_furnish(task) : status;
}

int64_t task_furnish(struct task *task)
{
    int64_t status = map_code(task->domain);

    task->stack = pd_slot_take();
    if (status == PD_OK) {
        status = map_shared(task->domain);
    }
    if (status == PD_OK) {
        status = pd_create_memory(task->domain, task->stack, STACK_PAGES, 0);
    }
    if (status == PD_OK) {
        status = pd_map(task->domain, task->stack, STACK_ADDRESS - STACK_PAGES * PAGE_BYTES, 0, STACK_PAGES,
                        RIGHT_USE | RIGHT_WRITE, 0);
    }
    return status;
}

int64_t task_run(struct task *task, void (*entry)(uint64_t), uint64_t argument, uint64_t priority)
{
    int64_t status;

    task->thread = pd_slot_take();
    status = pd_create_thread(SLOT_SELF_DOMAIN, task->thread, task->domain);
    if (status == PD_OK) {
        status = give_time(task, priority);
    }
    if (status == PD_OK) {
        status = pd_copy(SLOT_SELF_DOMAIN, task->domain, task->domain, SLOT_SELF_DOMAIN, RIGHT_USE | RIGHT_MANAGE, 0);
    }
    if (status == PD_OK) {
        status = pd_copy(SLOT_SELF_DOMAIN, task->thread, task->domain, SLOT_SELF_THREAD, RIGHT_USE | RIGHT_MANAGE, 0);
    }
    return status == PD_OK ? pd_thread_start(task->thread, (uint64_t)entry, STACK_ADDRESS - 8, argument) : status;
}

void task_end(struct task *task)
{
    if (task->domain) {
        pd_kill(task->domain);
    } else if (task->thread) {
        pd_invoke_4(task->thread, THREAD_STOP, 0, 0, 0, 0);
    }
    pd_slot_drop(task->context);
    pd_slot_drop(task->thread);
    pd_slot_drop(task->stack);
    pd_slot_drop(task->domain);
    *task = (struct task){0};
}

/* ---- services ---- */

static int64_t add_segments(uint32_t service)
{
    int64_t status = PD_OK;

    for (uint32_t index = 0; status == PD_OK && index < program.count; index++) {
        const struct elf_segment *segment = &program.segment[index];
        uint64_t before = segment->address % PAGE_BYTES;

        if (!(segment->protection & ELF_WRITE)) {
            status = pd_service_add_segment(service, segment->address - before, pd_pages(before + segment->memory_bytes),
                                            SEGMENT_CODE, image.memory_slot,
                                            image.first_page + segment->offset_bytes / PAGE_BYTES,
                                            before + segment->file_bytes);
        }
    }
    if (status == PD_OK) {
        status = pd_service_add_segment(service, STACK_ADDRESS - STACK_PAGES * PAGE_BYTES, STACK_PAGES, SEGMENT_ZERO, 0,
                                        0, 0);
    }
    return status;
}

static int64_t furnish(struct guest_service *service)
{
    int64_t status = add_segments(service->service);

    if (status == PD_OK) {
        status = map_shared(service->domain);
    }
    if (status == PD_OK) {
        status = pd_service_set_entries(service->service, (uint64_t)guest_service_fresh, (uint64_t)guest_service_recovered,
                                        STACK_ADDRESS - 8);
    }
    if (status == PD_OK) {
        status = pd_copy(SLOT_SELF_DOMAIN, service->service, service->domain, SLOT_SERVICE, RIGHT_SERVE, 0);
    }
    if (status == PD_OK) {
        status = pd_invoke_4(service->service, SERVICE_SET_SCHEDULING, SERVICE_PRIORITY, 0, 0, 0);
    }
    if (status == PD_OK) {
        status = pd_create_notification(SLOT_SELF_DOMAIN, service->notification);
    }
    if (status == PD_OK) {
        status = pd_service_set_supervisor(service->service, service->notification, 1);
    }
    return status;
}

static int64_t make(struct guest_service *service, uint64_t ssr_bytes, uint64_t region_bytes, uint64_t outbox_pages,
                    uint64_t hang_limit_us)
{
    int64_t status;

    *service = (struct guest_service){pd_slot_take(), pd_slot_take(), pd_slot_take(), pd_slot_take(), 0};
    status = pd_create_domain(SLOT_SELF_DOMAIN, service->domain, 512);
    if (status == PD_OK) {
        status = pd_create_service(SLOT_SELF_DOMAIN, service->service, service->domain, ssr_bytes, region_bytes,
                                   outbox_pages, hang_limit_us);
    }
    return status == PD_OK ? furnish(service) : status;
}

int64_t service_make(struct guest_service *service, uint64_t ssr_bytes, uint64_t region_bytes, uint64_t hang_limit_us)
{
    return make(service, ssr_bytes, region_bytes, 0, hang_limit_us);
}

int64_t service_make_with_outbox(struct guest_service *service, uint64_t outbox_pages)
{
    return make(service, 0, 0, outbox_pages, 2000000);
}

int64_t service_launch(struct guest_service *service)
{
    int64_t status = pd_service_start(service->service);

    if (status == PD_OK) {
        status = pd_service_bind(service->service, SLOT_SELF_DOMAIN, service->portal, 0, &service->binding);
    }
    return status;
}

int64_t service_start(struct guest_service *service, uint64_t ssr_bytes, uint64_t region_bytes, uint64_t hang_limit_us)
{
    int64_t status = service_make(service, ssr_bytes, region_bytes, hang_limit_us);

    return status == PD_OK ? service_launch(service) : status;
}

void service_stop(struct guest_service *service)
{
    pd_slot_drop(service->portal);
    pd_kill(service->domain);
    pd_slot_drop(service->service);
    pd_slot_drop(service->notification);
    pd_slot_drop(service->domain);
    *service = (struct guest_service){0};
}

uint64_t service_stage(const struct guest_service *service)
{
    uint64_t stage = 0, incarnation, restarts, bindings;

    pd_service_stats(service->service, &stage, &incarnation, &restarts, &bindings);
    return stage;
}

int64_t service_bring_back(const struct guest_service *service)
{
    uint64_t bits;
    int64_t status = pd_wait(service->notification, 1, pd_now_ns() + 1000 * MILLISECOND_NS, &bits);

    for (int step = 0; status == PD_OK && step < RESTORE_STEPS_MAXIMUM; step++) {
        struct pd_call call = {0};

        status = pd_invoke(service->service, SERVICE_RESTORE, &call);
        if (call.word[0] == 0) {
            break;
        }
    }
    return status == PD_OK ? pd_invoke_4(service->service, SERVICE_RESTART, RESTART_RECOVERED, 0, 0, 0) : status;
}

int64_t portal_ask(uint32_t portal, uint32_t operation, uint64_t word_0, uint64_t word_1)
{
    struct pd_call call = {.word = {word_0, word_1, 0, 0}};
    int64_t status = pd_invoke(portal, operation, &call);

    return status == PD_OK ? (int64_t)call.word[0] : status;
}

int64_t service_ask(const struct guest_service *service, uint32_t operation, uint64_t word_0, uint64_t word_1)
{
    return portal_ask(service->portal, operation, word_0, word_1);
}
