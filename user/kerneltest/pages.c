/* SPDX-License-Identifier: MIT */
/* Address spaces: what is mapped, what it holds, and what is refused. Rule: harness.h. */
#include <string.h>

#include "harness.h"

#define AT 0x330000000ul
#define SECOND 0x340000000ul

static volatile uint64_t *at(uint64_t address)
{
    return (volatile uint64_t *)address;
}

static const char *new_pages_are_zero(void)
{
    uint32_t memory = pd_slot_take();

    for (int round = 0; round < 3; round++) { /* of frames that held something before */
        EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 64, 0), PD_OK);
        EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 64, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
        for (uint64_t word = 0; word < 64 * PAGE_BYTES / 8; word++) {
            EXPECT(at(AT)[word], 0);
            at(AT)[word] = ~0ul;
        }
        EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 64), PD_OK);
        EXPECT(pd_delete(SLOT_SELF_DOMAIN, memory), PD_OK);
        pages_in_use();
    }
    pd_slot_give(memory);
    return NULL;
}

static const char *clones_are_copied_on_write(void)
{
    uint32_t memory = pd_slot_take(), clone = pd_slot_take();

    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 4, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 4, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    *at(AT) = 11;
    *at(AT + PAGE_BYTES) = 12;
    EXPECT(pd_memory_clone(memory, clone), PD_BUSY); /* somebody may still write it */
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 4), PD_OK);
    EXPECT(pd_memory_clone(memory, clone), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 4, RIGHT_USE | RIGHT_WRITE, 0), PD_NO_RIGHT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 4, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, clone, SECOND, 0, 4, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    EXPECT(*at(SECOND), 11);
    *at(SECOND) = 21;
    EXPECT(*at(SECOND), 21);
    EXPECT(*at(AT), 11);
    EXPECT(*at(SECOND + PAGE_BYTES), 12);
    EXPECT(*at(SECOND + 2 * PAGE_BYTES), 0);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, SECOND, 4), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, SECOND, 0, 4, RIGHT_USE | RIGHT_WRITE, MAP_COW), PD_OK);
    EXPECT(*at(SECOND + PAGE_BYTES), 12);
    *at(SECOND + PAGE_BYTES) = 22;
    EXPECT(*at(AT + PAGE_BYTES), 12);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, SECOND, 4), PD_OK);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 4), PD_OK);
    pd_slot_drop(memory);
    pd_slot_drop(clone);
    return NULL;
}

static const char *clones_of_clones_end(void)
{
    uint32_t clones[80], count = 1;
    int64_t status = PD_OK;

    clones[0] = pd_slot_take();
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, clones[0], 1, 0), PD_OK);
    while (status == PD_OK && count < 80) {
        clones[count] = pd_slot_take();
        status = pd_memory_clone(clones[count - 1], clones[count]);
        count++;
    }
    EXPECT(status, PD_TOO_LARGE);
    EXPECT(count, 66);
    while (count) {
        pd_slot_drop(clones[--count]);
    }
    return NULL;
}

/* Cloning freezes: who may only read cannot do that to who writes. */
static const char *who_only_reads_freezes_nothing(void)
{
    uint32_t memory = pd_slot_take(), reader = pd_slot_take(), clone = pd_slot_take();

    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 1, 0), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, memory, SLOT_SELF_DOMAIN, reader, RIGHT_USE | RIGHT_EXECUTE, 0), PD_OK);
    EXPECT(pd_memory_clone(reader, clone), PD_NO_RIGHT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, reader, AT, 0, 1, RIGHT_USE | RIGHT_WRITE, MAP_COW), PD_NO_RIGHT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 1, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 1), PD_OK);
    EXPECT(pd_memory_clone(memory, clone), PD_OK);
    EXPECT(pd_delete(SLOT_SELF_DOMAIN, clone), PD_OK);
    EXPECT(pd_memory_clone(reader, clone), PD_OK); /* it is frozen already */
    pd_slot_drop(clone);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, SLOT_PAYLOAD, AT, 0, 1, RIGHT_USE | RIGHT_WRITE, MAP_COW), PD_OK);
    *at(AT) = 1;
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 1), PD_OK);
    pd_slot_drop(reader);
    pd_slot_drop(memory);
    return NULL;
}

/* Mapped twice, a clone is still one memory: who has read a page before it was written sees what is written there. */
static const char *a_clone_is_one_memory(void)
{
    uint32_t memory = pd_slot_take(), clone = pd_slot_take();

    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 2, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 1, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    *at(AT) = 11;
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 1), PD_OK);
    EXPECT(pd_memory_clone(memory, clone), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, clone, AT, 0, 2, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, clone, SECOND, 0, 2, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    EXPECT(*at(AT), 11);
    EXPECT(*at(AT + PAGE_BYTES), 0);
    *at(SECOND) = 12;
    *at(SECOND + PAGE_BYTES) = 13;
    EXPECT(*at(AT), 12);
    EXPECT(*at(AT + PAGE_BYTES), 13);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, SECOND, 2), PD_OK);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 2), PD_OK);
    pd_slot_drop(clone);
    pd_slot_drop(memory);
    return NULL;
}

static const char *bad_mappings_are_refused(void)
{
    uint32_t memory = pd_slot_take();
    const uint64_t read = RIGHT_USE, write = RIGHT_USE | RIGHT_WRITE;

    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 200, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 1, write | RIGHT_EXECUTE, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 1, RIGHT_WRITE, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 1, read | RIGHT_MANAGE, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 1, read, 4), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT + 1, 0, 1, read, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 0, read, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 201, read, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 200, 1, read, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 1ull << 32, 1, read, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, UINT64_MAX, 2, read, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, 0, 0, 1, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, USER_ADDRESS_LIMIT, 0, 1, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, USER_ADDRESS_LIMIT - PAGE_BYTES, 0, 2, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, 0xffff800000000000, 0, 1, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, 0x800000000000, 0, 1, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, WINDOW_SSR, 0, 1, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, WINDOW_SSR - PAGE_BYTES, 0, 2, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, WINDOW_MESSAGE, 0, 1, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, PROGRAM_BASE, 0, 1, read, 0), PD_BAD_ADDRESS);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 65, write, MAP_RESIDENT), PD_TOO_LARGE);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 1), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 200, read, 0), PD_OK);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 199), PD_BAD_ARGUMENT);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT + PAGE_BYTES, 199), PD_BAD_ARGUMENT);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 200), PD_OK);
    pd_slot_drop(memory);
    return NULL;
}

/* Runs `entry` in a domain of its own until that has ended: its status. `ended` is for the notification. */
static const char *run_to_its_end(struct task *task, void (*entry)(uint64_t), uint32_t ended,
                                  struct pd_domain_status *status)
{
    uint64_t bits;

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, ended), PD_OK);
    EXPECT(task_domain(task, 256), PD_OK);
    EXPECT(pd_set_exit_notification(task->domain, ended, 4), PD_OK);
    EXPECT(pd_set_exit_notification(task->domain, ended, 4), PD_BUSY);
    EXPECT(task_run(task, entry, 0, LOW_PRIORITY), PD_OK);
    EXPECT(pd_wait(ended, 4, pd_now_ns() + 500 * MILLISECOND_NS, &bits), PD_OK);
    EXPECT(pd_domain_status(task->domain, status), PD_OK);
    return NULL;
}

/* Runs `entry` in a domain of its own, which must fault. */
static const char *must_fault(void (*entry)(uint64_t), uint64_t address)
{
    struct pd_domain_status status;
    struct task task;
    uint32_t ended = pd_slot_take();

    TRY(run_to_its_end(&task, entry, ended, &status));
    EXPECT(status.state, DOMAIN_FAULTED);
    EXPECT(status.detail, 14);
    EXPECT(status.fault_address, address);
    task_end(&task);
    pd_slot_drop(ended);
    return NULL;
}

static const char *code_is_not_writable(void)
{
    return must_fault(guest_write_code, (uint64_t)guest_exit);
}

static const char *data_is_not_executable(void)
{
    return must_fault(guest_run_data, (uint64_t)board()->scratch);
}

static const char *a_domain_ends_with_its_status(void)
{
    struct pd_domain_status status;
    struct task task;
    uint64_t bits;
    uint32_t ended = pd_slot_take();

    TRY(run_to_its_end(&task, guest_exit, ended, &status));
    EXPECT(status.state, DOMAIN_EXITED);
    EXPECT(status.detail, 7);
    EXPECT(pd_set_exit_notification(task.domain, ended, 8), PD_OK); /* of one that has ended: at once */
    EXPECT(pd_poll(ended, 8, &bits), PD_OK);
    EXPECT(bits, 8);
    EXPECT(pd_map(task.domain, NO_SLOT, AT, 0, 1, RIGHT_USE, 0), PD_BAD_CAPABILITY);
    EXPECT(pd_create_memory(task.domain, NO_SLOT, 1, 0), PD_DEAD);
    task_end(&task);
    pd_slot_drop(ended);
    return NULL;
}

static const char *long_mappings_come_and_go_in_steps(void)
{
    const uint64_t pages = 100000;
    uint32_t memory = pd_slot_take();
    struct task task;
    uint64_t seen;

    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, pages, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, pages, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    for (uint64_t page = 0; page < pages; page += 997) {
        *at(AT + page * PAGE_BYTES) = page;
    }
    EXPECT(task_start(&task, guest_spin, 3, OWN_PRIORITY), PD_OK);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, pages), PD_OK);
    seen = board()->arrived[3];
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, pages, RIGHT_USE, 0), PD_OK);
    for (uint64_t page = 0; page < pages; page += 997) {
        EXPECT(*at(AT + page * PAGE_BYTES), page);
    }
    EXPECT(*at(AT + PAGE_BYTES), 0);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, pages), PD_OK);
    task_end(&task);
    pd_slot_drop(memory);
    (void)seen;
    return NULL;
}

static const char *large_contiguous_memory_is_refused(void)
{
    uint64_t pages, resident, first, last;
    uint32_t memory = pd_slot_take();
    struct pd_call call = {.word = {7, 0, 0, 0}};

    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 65, MEMORY_CONTIGUOUS), PD_TOO_LARGE);
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 8, 2), PD_BAD_ARGUMENT);
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 8, MEMORY_CONTIGUOUS), PD_OK);
    EXPECT(pd_memory_info(memory, &pages, &resident, &first), PD_OK);
    EXPECT(resident, 8);
    EXPECT(pd_invoke(memory, MEMORY_INFO, &call), PD_OK);
    last = call.word[2];
    EXPECT(last - first, 7 * PAGE_BYTES);
    pd_slot_drop(memory);
    return NULL;
}

const struct test page_tests[] = {
    {"new_pages_are_zero", new_pages_are_zero},
    {"clones_are_copied_on_write", clones_are_copied_on_write},
    {"clones_of_clones_end", clones_of_clones_end},
    {"who_only_reads_freezes_nothing", who_only_reads_freezes_nothing},
    {"a_clone_is_one_memory", a_clone_is_one_memory},
    {"bad_mappings_are_refused", bad_mappings_are_refused},
    {"code_is_not_writable", code_is_not_writable},
    {"data_is_not_executable", data_is_not_executable},
    {"a_domain_ends_with_its_status", a_domain_ends_with_its_status},
    {"long_mappings_come_and_go_in_steps", long_mappings_come_and_go_in_steps},
    {"large_contiguous_memory_is_refused", large_contiguous_memory_is_refused},
    {NULL, NULL},
};
