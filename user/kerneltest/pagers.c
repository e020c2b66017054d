/* SPDX-License-Identifier: MIT */
/* Pages that a service fills when they are touched. Rule: harness.h. */
#include "harness.h"

#define AT 0x340000000ul
#define PAGES 6
#define VALUE 77

static struct guest_service service;
static uint32_t memory;

static volatile uint64_t *page(uint64_t index)
{
    return (volatile uint64_t *)(AT + index * PAGE_BYTES);
}

/* A memory of ours whose pages the service makes by `operation`, which gets `word`. */
static const char *start(uint32_t operation, uint64_t word)
{
    EXPECT(service_start(&service, 64, 0, 2000000), PD_OK);
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    memory = pd_slot_take();
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, PAGES, 0), PD_OK);
    EXPECT(pd_set_pager(memory, service.portal, operation, word, 0), PD_OK);
    return NULL;
}

static void stop(void)
{
    pd_slot_drop(memory);
    service_stop(&service);
}

/* A domain that shows the memory, and somebody in it who touches page `index` at once. */
static const char *toucher(struct task *task, uint64_t index)
{
    EXPECT(task_domain(task, 256), PD_OK);
    EXPECT(pd_map(task->domain, memory, AT, 0, PAGES, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    board()->arrived[1] = 0;
    EXPECT(task_run(task, guest_prober, 1, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
    board()->probe.address = (uint64_t)page(index);
    board()->probe.write = 0;
    board()->probe.turn++;
    return NULL;
}

/* It ended by a page fault, there; nobody else did. */
static const char *ended(struct task *task, uint64_t index)
{
    struct pd_domain_status status = {0};

    for (int round = 0; round < 100 && status.state != DOMAIN_FAULTED; round++) {
        sleep_ms(2);
        EXPECT(pd_domain_status(task->domain, &status), PD_OK);
    }
    EXPECT(status.state, DOMAIN_FAULTED);
    EXPECT(status.detail, FAULT_NO_PAGE);
    EXPECT(status.fault_address, (uint64_t)page(index));
    task_end(task);
    return NULL;
}

static const char *a_service_fills_what_is_touched(void)
{
    uint64_t serving;

    TRY(start(GUEST_FILL, VALUE));
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, PAGES, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    serving = board()->serving;
    EXPECT(*page(0), VALUE);
    EXPECT(page(0)[511], VALUE);
    EXPECT(board()->serving, serving + 1);
    EXPECT(*page(0), VALUE); /* there now */
    *page(3) = 5;
    EXPECT(*page(3), 5);
    EXPECT(page(3)[1], VALUE);
    EXPECT(board()->serving, serving + 2);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, PAGES), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, PAGES, RIGHT_USE, 0), PD_OK);
    EXPECT(*page(3), 5);
    EXPECT(board()->serving, serving + 2);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, PAGES), PD_OK);
    stop();
    return NULL;
}

static const char *a_pager_that_crashes_is_asked_again(void)
{
    struct task task;

    TRY(start(GUEST_FILL_DIRTY, VALUE));
    board()->fault = 2;
    TRY(toucher(&task, 1));
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->probe.value, VALUE);
    EXPECT(board()->recoveries, 2);
    task_end(&task);
    stop();
    return NULL;
}

static const char *a_pager_that_refuses_ends_the_program_alone(void)
{
    struct task task;

    TRY(start(200, VALUE)); /* no such operation: -1 */
    TRY(toucher(&task, 2));
    TRY(ended(&task, 2));
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    stop();
    return NULL;
}

static const char *a_pager_that_is_gone_ends_the_program_alone(void)
{
    struct task task;

    TRY(start(GUEST_FILL_DIRTY, VALUE));
    board()->fault = 1;
    TRY(toucher(&task, 2)); /* it waits for one that is given up */
    sleep_ms(10);
    EXPECT(service_stage(&service), STAGE_FAILED);
    EXPECT(pd_invoke_4(service.service, SERVICE_GIVE_UP, 0, 0, 0, 0), PD_OK);
    TRY(ended(&task, 2));
    TRY(toucher(&task, 3)); /* and asks one that has been */
    TRY(ended(&task, 3));
    stop();
    return NULL;
}

static const char *a_page_that_kills_its_pager_is_poison(void)
{
    struct task task;
    uint64_t bits;

    TRY(start(GUEST_FILL_DIRTY, VALUE));
    board()->fault = 1;
    TRY(toucher(&task, 0));
    EXPECT(pd_wait(service.notification, 1, pd_now_ns() + 1000 * MILLISECOND_NS, &bits), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_POISON, service.binding, 0, 0, 0), PD_OK);
    TRY(ended(&task, 0));
    EXPECT(pd_signal(service.notification, 1), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    stop();
    return NULL;
}

static const char *a_program_dies_while_its_page_is_filled(void)
{
    struct task task;
    uint64_t serving;

    TRY(start(GUEST_FILL_LATE, VALUE));
    serving = board()->serving;
    TRY(toucher(&task, 0));
    EXPECT_TRUE(wait_for(&board()->serving, serving + 1));
    task_end(&task);
    sleep_ms(10);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->inner_done, 1));
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    stop();
    return NULL;
}

static const char *a_pager_may_take_its_time(void)
{
    struct task task;

    TRY(start(GUEST_DEFER, 0));
    TRY(toucher(&task, 0));
    sleep_ms(5);
    EXPECT(board()->arrived[1], 1);
    EXPECT(service_ask(&service, GUEST_ANSWER, service.binding, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->probe.value, 0);
    task_end(&task);
    stop();
    return NULL;
}

/* The outer one has the inner one fill what it was lent; that gets PAGE_BYTES for a value. */
static const char *pagers_stack(void)
{
    struct guest_service inner;
    uint64_t binding;

    TRY(start(GUEST_NESTED, GUEST_FILL));
    EXPECT(service_start(&inner, 0, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind(inner.service, service.domain, GUEST_INNER_SLOT, 0, &binding), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, PAGES, RIGHT_USE, 0), PD_OK);
    EXPECT(*page(4), PAGE_BYTES);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, PAGES), PD_OK);
    stop();
    service_stop(&inner);
    return NULL;
}

static const char *a_clone_asks_the_same_pager(void)
{
    struct task task;

    TRY(start(GUEST_FILL, VALUE));
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, PAGES, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    *page(0) = 1;
    EXPECT(task_domain(&task, 256), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, task.domain, 0, 0), PD_OK);
    EXPECT(task_run(&task, guest_prober, 1, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
    for (uint64_t index = 0; index < 2; index++) {
        board()->probe.address = (uint64_t)&page(index)[0];
        board()->probe.turn++;
        EXPECT_TRUE(wait_for(&board()->arrived[1], 2 + index));
        EXPECT(board()->probe.value, index ? VALUE : 1);
    }
    EXPECT(*page(1), VALUE);
    *page(2) = 3;
    EXPECT(page(2)[1], VALUE);
    task_end(&task);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, PAGES), PD_OK);
    stop();
    return NULL;
}

static const char *bad_pagers_are_refused(void)
{
    struct pd_call call = {.transfer = pd_transfer_lend_in(1), .lend_base = AT};
    uint32_t other = pd_slot_take();

    TRY(start(GUEST_FILL, VALUE));
    EXPECT(pd_set_pager(memory, service.portal, GUEST_FILL, 0, 0), PD_BUSY);
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, other, 1, 0), PD_OK);
    EXPECT(pd_set_pager(other, NO_SLOT, GUEST_FILL, 0, 0), PD_BAD_CAPABILITY);
    EXPECT(pd_set_pager(other, memory, GUEST_FILL, 0, 0), PD_WRONG_TYPE);
    EXPECT(pd_set_pager(other, service.portal, 0x10000, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_set_pager(other, service.portal, GUEST_FILL, 0, 8), PD_BAD_ARGUMENT);
    EXPECT(pd_set_pager(other, service.portal, GUEST_FILL, 0, 1ul << 63), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, PAGES, RIGHT_USE, MAP_RESIDENT), PD_BAD_ARGUMENT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, PAGES, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_invoke(service.portal, GUEST_SUM, &call), PD_BAD_ADDRESS); /* not there yet */
    EXPECT(*page(0), VALUE);
    call = (struct pd_call){.transfer = pd_transfer_lend_in(1), .lend_base = AT};
    EXPECT(pd_invoke(service.portal, GUEST_SUM, &call), PD_OK);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, PAGES), PD_OK);
    pd_slot_drop(other);
    stop();
    return NULL;
}

const struct test pager_tests[] = {
    {"a_service_fills_what_is_touched", a_service_fills_what_is_touched},
    {"a_pager_that_crashes_is_asked_again", a_pager_that_crashes_is_asked_again},
    {"a_pager_that_refuses_ends_the_program_alone", a_pager_that_refuses_ends_the_program_alone},
    {"a_pager_that_is_gone_ends_the_program_alone", a_pager_that_is_gone_ends_the_program_alone},
    {"a_page_that_kills_its_pager_is_poison", a_page_that_kills_its_pager_is_poison},
    {"a_program_dies_while_its_page_is_filled", a_program_dies_while_its_page_is_filled},
    {"a_pager_may_take_its_time", a_pager_may_take_its_time},
    {"pagers_stack", pagers_stack},
    {"a_clone_asks_the_same_pager", a_clone_asks_the_same_pager},
    {"bad_pagers_are_refused", bad_pagers_are_refused},
    {NULL, NULL},
};
