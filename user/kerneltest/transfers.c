/* SPDX-License-Identifier: MIT */
/* What travels with a call: messages and lent pages. Rule: harness.h. */
#include <string.h>

#include "harness.h"

#define AT 0x330000000ul
#define ADD_SUM 12

static struct guest_service service;

static int64_t ask_with(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t transfer, uint64_t base)
{
    struct pd_call call = {.word = {word_0, word_1, 0, 0}, .transfer = transfer, .lend_base = base};
    int64_t status = pd_invoke(service.portal, operation, &call);

    return status == PD_OK ? (int64_t)call.word[0] : status;
}

static const char *bad_descriptors_are_refused(void)
{
    static const struct {
        uint64_t transfer, base;
    } bad[] = {
        {MESSAGE_BYTES + 1, 0},
        {TRANSFER_MESSAGE_BYTES_MASK, 0},
        {1ull << 13, 0},
        {1ull << 63, 0},
        {TRANSFER_LEND_IN, BUFFER_ADDRESS},
        {1ull << TRANSFER_LEND_SHIFT, BUFFER_ADDRESS},
        {1ull << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN | TRANSFER_LEND_OUT, BUFFER_ADDRESS},
        {(LEND_PAGES + 1ull) << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN, BUFFER_ADDRESS},
        {1ull << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN, BUFFER_ADDRESS + 8},
        {1ull << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN, USER_ADDRESS_LIMIT},
        {2ull << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN, USER_ADDRESS_LIMIT - PAGE_BYTES},
        {1ull << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN, 0xffffffffffff0000},
    };

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    for (unsigned index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        EXPECT(ask_with(GUEST_ADD, 1, 2, bad[index].transfer, bad[index].base), PD_BAD_ARGUMENT);
    }
    EXPECT(ask_with(GUEST_ADD, 5, 7, 0, ~0ul), ADD_SUM); /* a base without pages means nothing */
    service_stop(&service);
    return NULL;
}

static const char *pages_that_are_not_the_callers_are_refused(void)
{
    const uint64_t one_in = pd_transfer_lend_in(1), one_out = pd_transfer_lend_out(1);
    uint32_t memory = pd_slot_take();

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 2, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 1, RIGHT_USE, 0), PD_OK);
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_in, AT), 0); /* made resident on the way */
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_out, AT), PD_BAD_ADDRESS);
    EXPECT(ask_with(GUEST_SUM, 0, 0, pd_transfer_lend_in(2), AT), PD_BAD_ADDRESS);
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_in, AT + PAGE_BYTES), PD_BAD_ADDRESS);
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_out, PROGRAM_BASE), PD_BAD_ADDRESS);
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_in, WINDOW_SSR), PD_BAD_ADDRESS);
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_in, WINDOW_REGION), PD_BAD_ADDRESS);
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_in, WINDOW_LEND), PD_BAD_ADDRESS);
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_in, WINDOW_MESSAGE), PD_BAD_ADDRESS);
    EXPECT(ask_with(GUEST_SUM, 0, 0, one_in, 0), PD_BAD_ADDRESS);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 1), PD_OK); /* none of them is lent any more */
    pd_slot_drop(memory);
    service_stop(&service);
    return NULL;
}

static const char *lent_pages_are_read_and_written(void)
{
    volatile uint64_t *words = (volatile uint64_t *)BUFFER_ADDRESS;

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    memset((void *)BUFFER_ADDRESS, 1, PAGE_BYTES);
    EXPECT(ask_with(GUEST_SUM, 0, 0, pd_transfer_lend_in(1), BUFFER_ADDRESS), PAGE_BYTES);
    EXPECT(ask_with(GUEST_FILL, 77, 0, pd_transfer_lend_out(BUFFER_PAGES), BUFFER_ADDRESS), 0);
    for (uint64_t index = 0; index < BUFFER_PAGES * PAGE_BYTES / 8; index++) {
        EXPECT(words[index], 77);
    }
    service_stop(&service);
    return NULL;
}

static const char *writing_what_is_lent_to_be_read_is_a_fault(void)
{
    struct task task;

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    EXPECT(task_start(&task, guest_caller, GUEST_CALL(1, service.portal, GUEST_FILL, 1, 0, 5), LOW_PRIORITY), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK); /* the request is run again, and again */
    EXPECT(*(volatile uint64_t *)BUFFER_ADDRESS, 0);
    task_end(&task);
    while (service_stage(&service) != STAGE_RUNNING) {
        service_bring_back(&service);
    }
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), ADD_SUM);
    service_stop(&service);
    return NULL;
}

static const char *messages_travel_whole_and_nothing_else(void)
{
    static const uint64_t lengths[] = {0, 1, 3, 7, 8, 9, 15, 16, 100, 4088, 4095, 4096};
    uint8_t *message = (uint8_t *)WINDOW_MESSAGE;

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    for (unsigned index = 0; index < sizeof lengths / sizeof lengths[0]; index++) {
        struct pd_call call = {.word = {lengths[index], 0x5a, 0, 0}};

        memset(message, 0xee, MESSAGE_BYTES);
        EXPECT(pd_invoke(service.portal, GUEST_MESSAGE, &call), PD_OK);
        EXPECT(call.transfer, lengths[index]);
        for (uint64_t at = 0; at < MESSAGE_BYTES; at++) {
            EXPECT(message[at], at < lengths[index] ? 0x5a : 0xee);
        }
    }
    service_stop(&service);
    return NULL;
}

static const char *a_reply_that_is_too_long_is_the_services_fault(void)
{
    struct task task;

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    EXPECT(task_start(&task, guest_caller, GUEST_CALL(1, service.portal, GUEST_MESSAGE, 0, 0, MESSAGE_BYTES + 1),
                      LOW_PRIORITY),
           PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    task_end(&task);
    service_stop(&service);
    return NULL;
}

static const char *lent_pages_stay_mapped_and_unwritten(void)
{
    struct task caller, writer;
    uint64_t rounds;

    EXPECT(service_start(&service, 128, 0, 2000000), PD_OK);
    EXPECT(task_start(&writer, guest_writer, 2, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[2], 10));
    EXPECT(task_start(&caller, guest_caller, GUEST_CALL(1, service.portal, GUEST_HOLD, 2, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    rounds = board()->arrived[2];
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_BUSY);
    sleep_ms(10);
    EXPECT_TRUE(board()->arrived[2] <= rounds + 1); /* it waits at the write */
    EXPECT(*(volatile uint64_t *)BUFFER_ADDRESS, rounds - (board()->arrived[2] == rounds));
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[2], rounds + 10)); /* and goes on */
    task_end(&caller);
    task_end(&writer);
    service_stop(&service);
    return NULL;
}

static const char *a_page_lent_twice_stays_frozen_until_both_are_done(void)
{
    struct task first, second, writer;
    struct guest_service other;
    uint64_t rounds;

    EXPECT(service_start(&service, 128, 0, 2000000), PD_OK);
    EXPECT(service_start(&other, 128, 0, 2000000), PD_OK);
    EXPECT(task_start(&first, guest_caller, GUEST_CALL(1, service.portal, GUEST_HOLD, 1, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    EXPECT(task_start(&second, guest_caller, GUEST_CALL(2, other.portal, GUEST_HOLD, 1, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(pd_invoke_4(first.thread, THREAD_STOP, 0, 0, 0, 0), PD_OK); /* its call goes on to its end all the same */
    EXPECT(task_start(&writer, guest_writer, 3, OWN_PRIORITY), PD_OK);
    sleep_ms(8);
    rounds = board()->arrived[3];
    EXPECT(rounds, 1);
    EXPECT(pd_invoke_4(service.service, SERVICE_CRASH, 0, 0, 0, 0), PD_OK); /* now one of them has it no longer */
    sleep_ms(8);
    EXPECT(board()->arrived[3], 1);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[3], 10));
    EXPECT_TRUE(wait_for(&board()->arrived[2], 2));
    task_end(&first);
    task_end(&second);
    task_end(&writer);
    service_stop(&service);
    service_stop(&other);
    return NULL;
}

const struct test transfer_tests[] = {
    {"bad_descriptors_are_refused", bad_descriptors_are_refused},
    {"pages_that_are_not_the_callers_are_refused", pages_that_are_not_the_callers_are_refused},
    {"lent_pages_are_read_and_written", lent_pages_are_read_and_written},
    {"writing_what_is_lent_to_be_read_is_a_fault", writing_what_is_lent_to_be_read_is_a_fault},
    {"messages_travel_whole_and_nothing_else", messages_travel_whole_and_nothing_else},
    {"a_reply_that_is_too_long_is_the_services_fault", a_reply_that_is_too_long_is_the_services_fault},
    {"lent_pages_stay_mapped_and_unwritten", lent_pages_stay_mapped_and_unwritten},
    {"a_page_lent_twice_stays_frozen_until_both_are_done", a_page_lent_twice_stays_frozen_until_both_are_done},
    {NULL, NULL},
};
