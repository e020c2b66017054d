/* SPDX-License-Identifier: MIT */
/* Services of one's own: transactions, failures, and what makers may do wrong. Rule: harness.h. */
#include <string.h>

#include "harness.h"

#define LARGE_BYTES 16384

static struct guest_service service;

/* A call that may fail the service again and again: from a thread, while this one supervises. */
static int64_t ask_from_task(struct task *task, uint32_t operation, uint64_t word)
{
    board()->arrived[1] = 0;
    return task_start(task, guest_caller, GUEST_CALL(1, service.portal, operation, 0, 0, word), LOW_PRIORITY);
}

static const char *a_fault_rolls_back_and_the_call_runs_again(void)
{
    struct task task;

    EXPECT(service_start(&service, 256, 128, 20000), PD_OK);
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 1);
    for (int round = 0; round < 3; round++) {
        board()->fault = 1;
        EXPECT(ask_from_task(&task, round ? GUEST_COUNT : GUEST_REGION, 0), PD_OK);
        EXPECT(service_bring_back(&service), PD_OK);
        EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
        EXPECT(board()->status[1], PD_OK);
        EXPECT(board()->word[1], round + 1);
        task_end(&task);
    }
    EXPECT(board()->recoveries, 3);
    service_stop(&service);
    return NULL;
}

static const char *regions_of_several_pages_commit_and_roll_back(void)
{
    struct task task;
    uint64_t binding;
    uint32_t second = pd_slot_take();

    EXPECT(service_start(&service, LARGE_BYTES, 8192, 20000), PD_OK);
    EXPECT(pd_service_bind(service.service, SLOT_SELF_DOMAIN, second, 0, &binding), PD_OK);
    for (uint64_t page = 0; page < 4; page++) {
        EXPECT(service_ask(&service, GUEST_SET, page * 512 + 3, 100 + page), 0);
        EXPECT(portal_ask(second, GUEST_SET, page * 512 + 3, 200 + page), 0);
    }
    for (uint64_t page = 0; page < 4; page++) {
        EXPECT(service_ask(&service, GUEST_GET, page * 512 + 3, 0), 100 + page);
        EXPECT(portal_ask(second, GUEST_GET, page * 512 + 3, 0), 200 + page);
        EXPECT(portal_ask(second, GUEST_GET, page * 512 + 4, 0), 0);
    }
    board()->fault = 1;
    EXPECT(ask_from_task(&task, GUEST_SET, 3 * 512 + 3), PD_OK); /* sets it to zero, twice */
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(service_ask(&service, GUEST_GET, 3 * 512 + 3, 0), 0);
    EXPECT(service_ask(&service, GUEST_GET, 2 * 512 + 3, 0), 102);
    EXPECT(portal_ask(second, GUEST_GET, 3 * 512 + 3, 0), 203);
    task_end(&task);
    pd_slot_drop(second);
    service_stop(&service);
    return NULL;
}

/* One alarm: the last that was set, not before its time, also for an incarnation that did not set it. */
static const char *an_alarm_comes_once_and_outlives_the_incarnation(void)
{
    uint64_t soon_ns = pd_now_ns() + 5 * MILLISECOND_NS;

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_ALARM, soon_ns, 1, 0, 0), PD_NO_RIGHT);
    EXPECT(service_ask(&service, GUEST_ALARM, 1, 1), PD_OK); /* long past */
    EXPECT_TRUE(wait_for(&board()->event_count, 1));
    EXPECT(board()->events, 1);
    EXPECT(service_ask(&service, GUEST_ALARM, soon_ns - MILLISECOND_NS, 2), PD_OK);
    EXPECT(service_ask(&service, GUEST_ALARM, soon_ns, 4), PD_OK);
    EXPECT(pd_service_crash(service.service), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(board()->event_count, 1);
    EXPECT_TRUE(wait_for(&board()->event_count, 2));
    EXPECT_TRUE(pd_now_ns() >= soon_ns);
    EXPECT(board()->events, 5);
    board()->fault = 1; /* in the event, which comes again */
    EXPECT(service_ask(&service, GUEST_ALARM, 1, 8), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->event_count, 3));
    EXPECT(board()->events, 13);
    EXPECT(service_ask(&service, GUEST_ALARM, pd_now_ns() + 2 * MILLISECOND_NS, 16), PD_OK);
    EXPECT(service_ask(&service, GUEST_ALARM, 0, 0), PD_OK); /* none after all */
    sleep_ms(5);
    EXPECT(board()->event_count, 3);
    EXPECT(service_ask(&service, GUEST_ALARM, pd_now_ns() + 2 * MILLISECOND_NS, 32), PD_OK);
    service_stop(&service); /* it goes before its alarm */
    sleep_ms(5);
    return NULL;
}

static const char *poison_drops_the_request_alone(void)
{
    struct task task;
    uint64_t bits;

    EXPECT(service_start(&service, 256, 0, 20000), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_POISON, service.binding, 0, 0, 0), PD_BAD_STAGE);
    board()->fault = 1;
    EXPECT(ask_from_task(&task, GUEST_COUNT, 0), PD_OK);
    EXPECT(pd_wait(service.notification, 1, pd_now_ns() + 500 * MILLISECOND_NS, &bits), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_POISON, 99, 0, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_invoke_4(service.service, SERVICE_POISON, service.binding, 0, 0, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_POISON);
    EXPECT(board()->word[1], FATE_NOT_DONE);
    EXPECT(pd_invoke_4(service.service, SERVICE_POISON, service.binding, 0, 0, 0), PD_AGAIN);
    pd_signal(service.notification, 1);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 1);
    task_end(&task);
    service_stop(&service);
    return NULL;
}

static const char *a_last_transaction_can_be_poison(void)
{
    uint32_t portal = pd_slot_take();
    uint64_t binding, bits;

    EXPECT(service_start(&service, 256, 0, 20000), PD_OK);
    EXPECT(pd_service_bind(service.service, SLOT_SELF_DOMAIN, portal, 0, &binding), PD_OK);
    board()->fault = 2;
    pd_slot_drop(portal);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(pd_wait(service.notification, 1, pd_now_ns() + 500 * MILLISECOND_NS, &bits), PD_OK);
    EXPECT(board()->unbinds, 0);
    EXPECT(pd_invoke_4(service.service, SERVICE_POISON, binding, 0, 0, 0), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_POISON, binding, 0, 0, 0), PD_BAD_ARGUMENT);
    board()->fault = 0;
    pd_signal(service.notification, 1);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    EXPECT(board()->unbinds, 0);
    service_stop(&service);
    return NULL;
}

static const char *quarantine_costs_one_client(void)
{
    struct task task;
    uint64_t binding;
    uint32_t second = pd_slot_take();

    EXPECT(service_start(&service, 256, 0, 20000), PD_OK);
    EXPECT(pd_service_bind(service.service, SLOT_SELF_DOMAIN, second, 0, &binding), PD_OK);
    EXPECT(ask_from_task(&task, GUEST_DEFER, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    sleep_ms(3);
    EXPECT(pd_invoke_4(service.service, SERVICE_QUARANTINE, service.binding, 0, 0, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2)); /* what waited is told */
    EXPECT(board()->status[1], PD_LOST);
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), PD_LOST);
    EXPECT(portal_ask(second, GUEST_COUNT, 0, 0), 1);
    task_end(&task);
    pd_slot_drop(second);
    service_stop(&service);
    return NULL;
}

static const char *failures_in_recovery_and_again(void)
{
    struct task task;

    EXPECT(service_start(&service, 256, 0, 20000), PD_OK);
    board()->fault = 1;
    board()->fault_start = 5;
    EXPECT(ask_from_task(&task, GUEST_COUNT, 0), PD_OK);
    for (int round = 0; round < 6; round++) {
        EXPECT(service_bring_back(&service), PD_OK);
    }
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->word[1], 1);
    EXPECT(board()->recoveries, 6);
    task_end(&task);
    service_stop(&service);
    return NULL;
}

static const char *a_hang_ends_the_incarnation(void)
{
    struct task task;

    EXPECT(service_start(&service, 256, 0, 5000), PD_OK);
    EXPECT(ask_from_task(&task, GUEST_HOLD, 0), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->word[1], 1);
    task_end(&task);
    service_stop(&service);
    return NULL;
}

static const char *giving_up_answers_everyone(void)
{
    struct task served, queued;

    EXPECT(service_start(&service, 256, 0, 2000000), PD_OK);
    EXPECT(task_start(&served, guest_caller, GUEST_CALL(1, service.portal, GUEST_HOLD, 2, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    EXPECT(task_start(&queued, guest_caller, GUEST_CALL(2, service.portal, GUEST_COUNT, 0, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[2], 1));
    EXPECT(pd_invoke_4(service.service, SERVICE_GIVE_UP, 0, 0, 0, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2) && wait_for(&board()->arrived[2], 2));
    EXPECT(board()->status[1], PD_DEAD);
    EXPECT(board()->word[1], FATE_NOT_DONE);
    EXPECT(board()->status[2], PD_DEAD);
    EXPECT(service_ask(&service, GUEST_ADD, 0, 0), PD_DEAD);
    EXPECT(service_stage(&service), STAGE_GIVEN_UP);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_OK); /* nothing is lent any more */
    harness_map_buffer();
    task_end(&served);
    task_end(&queued);
    service_stop(&service);
    return NULL;
}

static const char *events_of_before_and_of_a_busy_service_arrive(void)
{
    struct task task;
    uint32_t notification = pd_slot_take();
    uint64_t bits;

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(pd_signal(notification, 1), PD_OK);
    EXPECT(service_start(&service, 256, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind_notification(service.service, notification), PD_OK);
    EXPECT(pd_service_bind_notification(service.service, notification), PD_BUSY);
    EXPECT_TRUE(wait_for(&board()->event_count, 1));
    EXPECT(board()->events, 1);
    EXPECT(pd_wait(notification, 1, 0, &bits), PD_BUSY);
    EXPECT(ask_from_task(&task, GUEST_HOLD, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(pd_signal(notification, 6), PD_OK);
    sleep_ms(3);
    EXPECT(board()->event_count, 1);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->event_count, 2));
    EXPECT(board()->events, 7);
    /* A bit whose transaction is rolled back comes again. */
    board()->events = 0;
    board()->fault = 1;
    EXPECT(pd_signal(notification, 8), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->event_count, 3));
    EXPECT(board()->events, 8);
    EXPECT(board()->event_count, 3);
    task_end(&task);
    service_stop(&service);
    EXPECT(pd_signal(notification, 1), PD_OK); /* of nobody now: bits are kept */
    EXPECT(pd_poll(notification, 1, &bits), PD_OK);
    EXPECT(bits, 1);
    pd_slot_drop(notification);
    return NULL;
}

/* It is an event like any other, but the next one is not asked for before it has been dealt with. */
static const char *a_heartbeat_that_is_missed_ends_the_incarnation(void)
{
    const struct fault_record *record = pd_message();
    struct task task;

    EXPECT(service_start(&service, 256, 0, 2000000), PD_OK);
    EXPECT(service_ask(&service, GUEST_ADD, 1, 2), 3);
    EXPECT(pd_service_check(service.service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->event_count, 1));
    EXPECT(board()->events, EVENT_CHECK);
    EXPECT(pd_service_check(service.service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->event_count, 2));
    EXPECT(ask_from_task(&task, GUEST_HOLD, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 4));
    EXPECT(pd_service_check(service.service), PD_OK);
    EXPECT(pd_service_check(service.service), PD_OK);
    EXPECT(pd_service_check(service.service), PD_BAD_STAGE);
    EXPECT(pd_invoke_4(service.service, SERVICE_RECORD, 0, 0, 0, 0), PD_OK);
    EXPECT(record->cause, CAUSE_HEARTBEAT);
    board()->release = 1;
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->event_count, 3)); /* what was asked for last */
    EXPECT(pd_service_check(service.service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->event_count, 4));
    task_end(&task);
    service_stop(&service);
    return NULL;
}

static const char *a_client_without_time_delays_no_event(void)
{
    struct task task;
    uint32_t notification = pd_slot_take();

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(service_start(&service, 256, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind_notification(service.service, notification), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_SET_SCHEDULING, OWN_PRIORITY, 0, 0, 0), PD_OK);
    EXPECT(ask_from_task(&task, GUEST_HOLD, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    EXPECT(pd_sched_context_set(task.context, LOW_PRIORITY, 1000, 3600000000), PD_OK); /* used up in a moment */
    sleep_ms(20);
    board()->release = 1;
    sleep_ms(20);
    EXPECT(board()->arrived[1], 1); /* its call stands still */
    EXPECT(pd_signal(notification, 2), PD_OK);
    EXPECT_TRUE(wait_for(&board()->event_count, 1)); /* but for the service, which needs its worker */
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    task_end(&task);
    service_stop(&service);
    pd_slot_drop(notification);
    return NULL;
}

static const char *bad_services_are_refused(void)
{
    uint32_t domain = pd_slot_take(), made = pd_slot_take(), memory = pd_slot_take();

    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, domain, 128), PD_OK);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, made, domain, SSR_BYTES_MAXIMUM + 1, 0, 0, 1), PD_TOO_LARGE);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, made, domain, 0, REGION_BYTES_MAXIMUM + 1, 0, 1), PD_TOO_LARGE);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, made, domain, 0, 0, OUTBOX_PAGES_MAXIMUM + 1, 1), PD_TOO_LARGE);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, made, domain, 0, 0, 0, 1ull << 32), PD_TOO_LARGE);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, made, SLOT_RNG, 0, 0, 0, 1), PD_WRONG_TYPE);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, made, domain, 128, 0, 0, 1), PD_OK);
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 4, 0), PD_OK);
    EXPECT(pd_service_add_segment(made, 0x1000000, 0, SEGMENT_ZERO, 0, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_service_add_segment(made, 0x1000000, 1, 4, 0, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_service_add_segment(made, 0x1000000, 1025, SEGMENT_ZERO, 0, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_service_add_segment(made, 0x1000000, 1, SEGMENT_ZERO, 0, 0, 8), PD_BAD_ARGUMENT);
    EXPECT(pd_service_add_segment(made, 0x1000000, 1, SEGMENT_CODE, memory, 0, 8), PD_BAD_ARGUMENT);
    EXPECT(pd_service_add_segment(made, 0x1000000, 1, SEGMENT_CODE, SLOT_PAYLOAD, 0, UINT64_MAX), PD_BAD_ARGUMENT);
    EXPECT(pd_service_add_segment(made, 0x1000000, 1, SEGMENT_CODE, SLOT_PAYLOAD, UINT64_MAX, 8), PD_BAD_ARGUMENT);
    EXPECT(pd_service_add_segment(made, 0x1000001, 1, SEGMENT_ZERO, 0, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_service_add_segment(made, WINDOW_SSR, 1, SEGMENT_ZERO, 0, 0, 0), PD_BAD_ADDRESS);
    EXPECT(pd_service_add_segment(made, 0x1000000, 200, SEGMENT_ZERO, 0, 0, 0), PD_NO_QUOTA); /* half-way */
    EXPECT(pd_service_add_segment(made, 0x1000000, 40, SEGMENT_ZERO, 0, 0, 0), PD_OK);
    EXPECT(pd_service_add_segment(made, 0x1000000, 1, SEGMENT_ZERO, 0, 0, 0), PD_BAD_ADDRESS);
    EXPECT(pd_service_set_ranges(made, 0, 1), PD_BAD_ARGUMENT); /* of a service region that is not there */
    EXPECT(pd_service_set_ranges(made, SSR_RANGES_MAXIMUM + 1, 0), PD_TOO_LARGE);
    EXPECT(pd_service_set_ranges(made, 0, 2), PD_BAD_ARGUMENT);
    EXPECT(pd_service_start(made), PD_BAD_STAGE);
    EXPECT(pd_invoke_4(made, SERVICE_CRASH, 0, 0, 0, 0), PD_BAD_STAGE);
    EXPECT(pd_invoke_4(made, SERVICE_RESTART, 0, 0, 0, 0), PD_BAD_STAGE);
    EXPECT(pd_invoke_4(made, SERVICE_RESTORE, 0, 0, 0, 0), PD_BAD_STAGE);
    EXPECT(pd_service_set_entries(made, USER_ADDRESS_LIMIT, 1, 1), PD_BAD_ADDRESS);
    EXPECT(pd_invoke_4(made, SERVICE_GIVE_UP, 0, 0, 0, 0), PD_OK);
    EXPECT(pd_service_start(made), PD_BAD_STAGE);
    EXPECT(pd_kill(domain), PD_OK);
    pd_slot_drop(made);
    pd_slot_drop(domain);
    pd_slot_drop(memory);
    return NULL;
}

static const char *valid_ranges_are_enforced(void)
{
    struct ssr_range *range = (struct ssr_range *)WINDOW_MESSAGE;
    struct task task;

    EXPECT(service_make(&service, 256, 0, 20000), PD_OK);
    *range = (struct ssr_range){.offset = 8, .width_bytes = 8, .count = 1, .minimum = 0, .maximum = 10};
    EXPECT(pd_service_set_ranges(service.service, 1, 0), PD_OK);
    EXPECT(service_launch(&service), PD_OK);
    EXPECT(service_ask(&service, GUEST_SET, 1, 10), 0);
    EXPECT(service_ask(&service, GUEST_SET, 2, 11), 0);
    EXPECT(ask_from_task(&task, GUEST_COUNT, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    task_end(&task);
    board()->scratch[1] = 11;
    EXPECT(task_start(&task, guest_caller, GUEST_CALL(1, service.portal, GUEST_SET, 0, 0, 1), LOW_PRIORITY), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK); /* refused at the commit; it runs again, and again */
    task_end(&task);
    while (service_stage(&service) != STAGE_RUNNING) {
        service_bring_back(&service);
    }
    EXPECT(service_ask(&service, GUEST_GET, 1, 0), 10);
    service_stop(&service);
    return NULL;
}

const struct test service_tests[] = {
    {"a_fault_rolls_back_and_the_call_runs_again", a_fault_rolls_back_and_the_call_runs_again},
    {"regions_of_several_pages_commit_and_roll_back", regions_of_several_pages_commit_and_roll_back},
    {"an_alarm_comes_once_and_outlives_the_incarnation", an_alarm_comes_once_and_outlives_the_incarnation},
    {"poison_drops_the_request_alone", poison_drops_the_request_alone},
    {"a_last_transaction_can_be_poison", a_last_transaction_can_be_poison},
    {"quarantine_costs_one_client", quarantine_costs_one_client},
    {"failures_in_recovery_and_again", failures_in_recovery_and_again},
    {"a_hang_ends_the_incarnation", a_hang_ends_the_incarnation},
    {"giving_up_answers_everyone", giving_up_answers_everyone},
    {"events_of_before_and_of_a_busy_service_arrive", events_of_before_and_of_a_busy_service_arrive},
    {"a_heartbeat_that_is_missed_ends_the_incarnation", a_heartbeat_that_is_missed_ends_the_incarnation},
    {"a_client_without_time_delays_no_event", a_client_without_time_delays_no_event},
    {"bad_services_are_refused", bad_services_are_refused},
    {"valid_ranges_are_enforced", valid_ranges_are_enforced},
    {NULL, NULL},
};
