/* SPDX-License-Identifier: MIT */
/* Calls that their callers do not wait for any longer, and calls that are tried several times. Rule: harness.h. */
#include <string.h>

#include "harness.h"

static struct guest_service service;

static uint64_t soon(uint64_t milliseconds)
{
    return pd_now_ns() + milliseconds * MILLISECOND_NS;
}

/* A call with a deadline: its status; *fate is word 0. */
static int64_t ask_until(uint64_t deadline_ns, uint32_t operation, uint64_t word, uint64_t transfer, uint64_t *fate)
{
    struct pd_call call = {.word = {word, 0, 0, 0}, .transfer = transfer, .lend_base = BUFFER_ADDRESS};
    int64_t status;

    pd_call_deadline(deadline_ns);
    status = pd_invoke(service.portal, operation, &call);
    pd_call_deadline(0);
    *fate = call.word[0];
    return status;
}

static int64_t run_caller(struct task *task, uint64_t number, uint32_t operation, uint64_t word, uint64_t priority)
{
    return task_start(task, guest_caller, GUEST_CALL(number, service.portal, operation, 0, 0, word), priority);
}

static const char *while_it_is_served(void)
{
    uint64_t fate, deadline = soon(5);

    EXPECT(service_start(&service, 128, 0, 2000000), PD_OK);
    EXPECT(ask_until(deadline, GUEST_HOLD, 0, 0, &fate), PD_TIMEOUT);
    EXPECT_TRUE(pd_now_ns() >= deadline && pd_now_ns() < deadline + 3 * MILLISECOND_NS);
    EXPECT(fate, FATE_UNKNOWN);
    EXPECT(ask_until(soon(5), GUEST_COUNT, 0, 0, &fate), PD_TIMEOUT); /* the first is not over */
    EXPECT(fate, FATE_NOT_DONE);
    board()->release = 1;
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 2); /* it was carried out, and this reply is not its */
    EXPECT(service_stage(&service), STAGE_RUNNING);
    sleep_ms(10);
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 3); /* no deadline is left over */
    service_stop(&service);
    return NULL;
}

static const char *while_its_request_is_deferred(void)
{
    uint64_t fate;

    EXPECT(service_start(&service, 128, 0, 20000), PD_OK);
    EXPECT(ask_until(soon(5), GUEST_DEFER, 0, pd_transfer_lend_in(1) | 8, &fate), PD_TIMEOUT);
    EXPECT(fate, FATE_UNKNOWN);
    EXPECT(service_ask(&service, GUEST_ANSWER, service.binding, 1), PD_AGAIN); /* there is nothing to answer */
    *(volatile uint64_t *)BUFFER_ADDRESS = 1;
    *(volatile uint64_t *)WINDOW_MESSAGE = 1; /* neither is frozen */
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 1);
    service_stop(&service);
    return NULL;
}

static const char *while_it_is_parked(void)
{
    uint64_t fate;

    EXPECT(service_start(&service, 128, 0, 20000), PD_OK);
    board()->fault = 1;
    EXPECT(ask_until(soon(5), GUEST_COUNT, 0, 0, &fate), PD_TIMEOUT);
    EXPECT(fate, FATE_NOT_DONE);
    EXPECT(service_stage(&service), STAGE_FAILED);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 1);
    board()->fault = 1; /* in the second part, when the first has been committed */
    EXPECT(ask_until(soon(5), GUEST_PARTS, 3, 0, &fate), PD_TIMEOUT);
    EXPECT(fate, FATE_UNKNOWN);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT(service_ask(&service, GUEST_GET, 0, 0), 2);
    service_stop(&service);
    return NULL;
}

static const char *while_its_service_calls_another(void)
{
    struct guest_service inner;
    uint64_t binding, fate;

    EXPECT(service_start(&service, 256, 0, 2000000), PD_OK);
    EXPECT(service_start(&inner, 256, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind(inner.service, service.domain, GUEST_INNER_SLOT, 0, &binding), PD_OK);
    EXPECT(ask_until(soon(5), GUEST_NESTED, GUEST_FILL_LATE, pd_transfer_lend_out(2), &fate), PD_TIMEOUT);
    EXPECT(fate, FATE_UNKNOWN);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_BUSY); /* it still has the pages */
    board()->release = 1;
    EXPECT(service_ask(&service, GUEST_NESTED, GUEST_ADD, 6), 6);
    EXPECT(board()->inner_done, 1);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_OK);
    harness_map_buffer();
    service_stop(&service);
    service_stop(&inner);
    return NULL;
}

/* What the service still reads the caller does not write, though it is the only thread of its domain. */
static const char *pages_stay_frozen_to_the_end(void)
{
    struct task later;
    uint64_t fate;

    EXPECT(service_start(&service, 128, 0, 2000000), PD_OK);
    EXPECT(task_domain(&later, 256), PD_OK);
    EXPECT(threads_alive(), 1);
    board()->scratch[5] = soon(12);
    EXPECT(task_run(&later, guest_release_later, 2, LOW_PRIORITY), PD_OK);
    EXPECT(ask_until(soon(5), GUEST_HOLD, 0, pd_transfer_lend_in(2), &fate), PD_TIMEOUT);
    EXPECT(board()->release, 0);
    *(volatile uint64_t *)(BUFFER_ADDRESS + PAGE_BYTES) = 9; /* waits */
    EXPECT(board()->release, 1);
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 2);
    task_end(&later);
    service_stop(&service);
    return NULL;
}

static const char *before_the_call_and_between_waits(void)
{
    uint32_t notification = pd_slot_take();
    uint64_t fate, bits, deadline;

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(service_start(&service, 128, 0, 2000000), PD_OK);
    EXPECT(ask_until(1, GUEST_HOLD, 0, 0, &fate), PD_TIMEOUT); /* long past */
    board()->release = 1;
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 2);
    board()->release = 0;
    deadline = soon(20);
    EXPECT(pd_call_deadline(deadline), PD_OK);
    EXPECT(pd_wait(notification, 1, soon(2), &bits), PD_TIMEOUT); /* a wait has one of its own */
    EXPECT_TRUE(pd_now_ns() < deadline - 10 * MILLISECOND_NS);
    sleep_ms(2);
    EXPECT(service_ask(&service, GUEST_HOLD, 0, 0), PD_TIMEOUT);
    EXPECT_TRUE(pd_now_ns() >= deadline);
    sleep_ms(3);
    board()->release = 1;
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 4);
    deadline = soon(600); /* turns of the wheel later */
    EXPECT(pd_wait(notification, 1, deadline, &bits), PD_TIMEOUT);
    EXPECT_TRUE(pd_now_ns() >= deadline && pd_now_ns() < deadline + 3 * MILLISECOND_NS);
    pd_slot_drop(notification);
    service_stop(&service);
    return NULL;
}

static const char *by_who_manages_the_thread(void)
{
    struct task deferred, served, queued;
    uint32_t use = pd_slot_take();

    EXPECT(service_start(&service, 128, 0, 2000000), PD_OK);
    EXPECT(run_caller(&deferred, 1, GUEST_DEFER, 0, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    EXPECT(run_caller(&served, 2, GUEST_HOLD, 0, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(run_caller(&queued, 3, GUEST_COUNT, 0, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[3], 1));
    sleep_ms(2);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, queued.thread, SLOT_SELF_DOMAIN, use, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_thread_abandon(use), PD_NO_RIGHT);
    EXPECT(pd_thread_abandon(SLOT_SELF_THREAD), PD_BAD_STAGE);
    EXPECT(pd_thread_abandon(queued.thread), PD_OK);
    EXPECT(pd_thread_abandon(served.thread), PD_OK);
    EXPECT(pd_thread_abandon(deferred.thread), PD_OK);
    for (unsigned number = 1; number <= 3; number++) {
        EXPECT_TRUE(wait_for(&board()->arrived[number], 2));
        EXPECT(board()->status[number], PD_ABANDONED);
        EXPECT(board()->word[number], number == 3 ? FATE_NOT_DONE : FATE_UNKNOWN);
    }
    board()->release = 1;
    EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 2);
    EXPECT(pd_thread_abandon(deferred.thread), PD_BAD_STAGE);
    task_end(&deferred);
    task_end(&served);
    task_end(&queued);
    pd_slot_drop(use);
    service_stop(&service);
    return NULL;
}

/* Deadlines that strike at every stage of short calls, while another thread calls, too: nothing is done twice. */
static const char *at_any_instant(void)
{
    struct task other;
    uint64_t fate, done = 0, unknown = 0, count;

    EXPECT(service_start(&service, 128, 0, 2000000), PD_OK);
    EXPECT(run_caller(&other, 1, GUEST_HOLD, 0, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    for (uint64_t round = 0; round < 300; round++) {
        int64_t status;

        board()->release = round > 20;
        status = ask_until(pd_now_ns() + round * 7919 % 1500000, round % 3 ? GUEST_COUNT : GUEST_PARTS, 3000, 0, &fate);
        done += status == PD_OK && round % 3;
        unknown += status == PD_TIMEOUT && fate == FATE_UNKNOWN;
        EXPECT_TRUE(status == PD_OK || status == PD_TIMEOUT);
    }
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    count = (uint64_t)service_ask(&service, GUEST_GET, 0, 0);
    EXPECT_TRUE(count >= done + 1);
    EXPECT_TRUE(unknown > 0);
    EXPECT(service_stage(&service), STAGE_RUNNING);
    task_end(&other);
    service_stop(&service);
    return NULL;
}

/* The parts of one request are counted, not those of all. */
static const char *many_requests_in_parts_are_no_hang(void)
{
    EXPECT(service_start(&service, 128, 0, 20000), PD_OK);
    for (uint64_t round = 1; round <= 2500; round++) {
        EXPECT(service_ask(&service, GUEST_PARTS, 3, 0), round * 3);
    }
    EXPECT(service_stage(&service), STAGE_RUNNING);
    service_stop(&service);
    return NULL;
}

static uint64_t kills_of_latest(void)
{
    struct fault_record record;

    if (pd_invoke_4(service.service, SERVICE_RECORD, 0, 0, 0, 0) != PD_OK) {
        return 0;
    }
    memcpy(&record, (const void *)WINDOW_MESSAGE, sizeof record);
    return record.request_kills;
}

/* Incarnations that a request has ended are its own: neither an earlier request counts, nor a sibling's in between. */
static const char *kills_are_counted_by_request(void)
{
    struct task first, second;

    EXPECT(service_start(&service, 128, 0, 20000), PD_OK);
    for (unsigned round = 0; round < 3; round++) {
        board()->fault = 1;
        board()->arrived[1] = 0;
        EXPECT(run_caller(&first, 1, GUEST_COUNT, 0, LOW_PRIORITY), PD_OK);
        sleep_ms(5);
        EXPECT(kills_of_latest(), 1);
        EXPECT(service_bring_back(&service), PD_OK);
        EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
        task_end(&first);
    }
    board()->fault = 2;
    EXPECT(run_caller(&first, 1, GUEST_COUNT, 0, LOW_PRIORITY), PD_OK);
    sleep_ms(5);
    EXPECT(run_caller(&second, 2, GUEST_ADD, 7, OWN_PRIORITY), PD_OK);
    sleep_ms(5);
    EXPECT(service_bring_back(&service), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[2], 2)); /* the second comes first, and is answered */
    sleep_ms(5);
    EXPECT(kills_of_latest(), 2);
    EXPECT(service_bring_back(&service), PD_OK);
    task_end(&first);
    task_end(&second);
    service_stop(&service);
    return NULL;
}

const struct test timeout_tests[] = {
    {"call_times_out_while_it_is_served", while_it_is_served},
    {"call_times_out_while_its_request_is_deferred", while_its_request_is_deferred},
    {"call_times_out_while_it_is_parked", while_it_is_parked},
    {"call_times_out_while_its_service_calls_another", while_its_service_calls_another},
    {"call_times_out_and_its_pages_stay_frozen_to_the_end", pages_stay_frozen_to_the_end},
    {"call_times_out_that_began_too_late", before_the_call_and_between_waits},
    {"call_is_abandoned_by_who_manages_the_thread", by_who_manages_the_thread},
    {"calls_time_out_at_any_instant", at_any_instant},
    {"many_requests_in_parts_are_no_hang", many_requests_in_parts_are_no_hang},
    {"kills_are_counted_by_request", kills_are_counted_by_request},
    {NULL, NULL},
};
