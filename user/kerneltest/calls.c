/* SPDX-License-Identifier: MIT */
/* Calls whose client goes away, in each stage, and calls that wait. Rule: harness.h. */
#include "harness.h"

static struct guest_service service;

static const char *start(uint64_t ssr_bytes)
{
    EXPECT(service_start(&service, ssr_bytes, 0, 2000000), PD_OK);
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    return NULL;
}

/* A client in a domain of its own that makes this call; it has a binding of its own. */
static const char *client_calls(struct task *client, uint64_t argument)
{
    uint64_t binding;

    EXPECT(task_domain(client, 256), PD_OK);
    EXPECT(pd_service_bind(service.service, client->domain, 64, 0, &binding), PD_OK);
    EXPECT(task_run(client, guest_caller, argument, LOW_PRIORITY), PD_OK);
    return NULL;
}

/* After a client has gone: its last transaction was shown, and the service works. */
static const char *goes_on(uint64_t unbinds)
{
    EXPECT_TRUE(wait_for(&board()->unbinds, unbinds));
    EXPECT(board()->unbinds, unbinds);
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12);
    EXPECT(service_stage(&service), STAGE_RUNNING);
    return NULL;
}

static const char *client_killed_between_calls(void)
{
    struct task client;

    TRY(start(256));
    TRY(client_calls(&client, GUEST_CALL(1, 64, GUEST_COUNT, 0, 0, 0)));
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    task_end(&client);
    TRY(goes_on(1));
    service_stop(&service);
    return NULL;
}

static const char *client_killed_while_it_is_served(void)
{
    static const uint64_t flags[] = {0, GUEST_CALL_OUT, GUEST_CALL_MESSAGE};
    struct task client;

    TRY(start(256));
    for (unsigned index = 0; index < 3; index++) {
        uint64_t serving = board()->serving;

        board()->release = 0;
        TRY(client_calls(&client, GUEST_CALL(1, 64, GUEST_HOLD, index, flags[index], 0)));
        EXPECT_TRUE(wait_for(&board()->serving, serving + 1));
        task_end(&client);
        sleep_ms(5);
        EXPECT(board()->unbinds, index); /* its transaction is under way: nobody pays but the service itself */
        board()->release = 1;
        TRY(goes_on(index + 1));
    }
    service_stop(&service);
    return NULL;
}

static const char *client_killed_while_it_waits_for_its_turn(void)
{
    struct task first, second, third;

    TRY(start(256));
    TRY(client_calls(&first, GUEST_CALL(1, 64, GUEST_HOLD, 0, 0, 0)));
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    TRY(client_calls(&second, GUEST_CALL(2, 64, GUEST_COUNT, 1, 0, 0)));
    TRY(client_calls(&third, GUEST_CALL(3, 64, GUEST_COUNT, 0, 0, 0)));
    sleep_ms(5);
    task_end(&second);
    sleep_ms(5);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[3], 2));
    EXPECT(board()->status[3], PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->arrived[2] < 2, 1);
    task_end(&first);
    task_end(&third);
    TRY(goes_on(3));
    service_stop(&service);
    return NULL;
}

static const char *client_killed_while_its_request_is_deferred(void)
{
    struct task client;

    TRY(start(256));
    TRY(client_calls(&client, GUEST_CALL(1, 64, GUEST_DEFER, 1, 0, 0)));
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
    sleep_ms(5);
    EXPECT(service_ask(&service, GUEST_ANSWER, service.binding, 1), PD_AGAIN); /* ours has none */
    task_end(&client);
    TRY(goes_on(1));
    EXPECT(service_ask(&service, GUEST_ANSWER, service.binding + 1, 1), PD_BAD_ARGUMENT);
    service_stop(&service);
    return NULL;
}

static const char *client_killed_while_it_is_parked(void)
{
    struct task client;

    TRY(start(256));
    board()->fault = 1;
    TRY(client_calls(&client, GUEST_CALL(1, 64, GUEST_COUNT, 1, GUEST_CALL_OUT, 0)));
    sleep_ms(10);
    EXPECT(service_stage(&service), STAGE_FAILED);
    task_end(&client);
    EXPECT(service_bring_back(&service), PD_OK);
    TRY(goes_on(1));
    EXPECT(board()->recoveries, 1);
    service_stop(&service);
    return NULL;
}

/* The outer service calls the inner one on behalf of its client. */
static const char *nest(struct guest_service *inner)
{
    uint64_t binding;

    TRY(start(256));
    EXPECT(service_start(inner, 256, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind(inner->service, service.domain, GUEST_INNER_SLOT, 0, &binding), PD_OK);
    EXPECT(service_ask(&service, GUEST_NESTED, GUEST_ADD, 5), 5);
    return NULL;
}

/* `client` calls the outer service, that calls the inner one, and that waits until it is released. */
static const char *client_waits_for_inner(struct task *client, struct guest_service *inner)
{
    uint64_t serving;

    TRY(nest(inner));
    serving = board()->serving;
    TRY(client_calls(client, GUEST_CALL(1, 64, GUEST_NESTED, 2, GUEST_CALL_OUT, GUEST_FILL_LATE)));
    EXPECT_TRUE(wait_for(&board()->serving, serving + 2));
    return NULL;
}

static const char *client_killed_while_its_service_calls_another(void)
{
    struct guest_service inner;
    struct task client;

    TRY(client_waits_for_inner(&client, &inner));
    task_end(&client);
    sleep_ms(20); /* its time, its threads, its names are gone; its pages not yet */
    EXPECT(board()->unbinds, 0);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->inner_done, 1));
    TRY(goes_on(1));
    EXPECT(service_ask(&service, GUEST_NESTED, GUEST_ADD, 6), 6);
    service_stop(&service);
    service_stop(&inner);
    return NULL;
}

static const char *service_killed_while_it_calls_another(void)
{
    struct guest_service inner;
    struct task client;

    TRY(client_waits_for_inner(&client, &inner));
    EXPECT(pd_invoke_4(service.service, SERVICE_CRASH, 0, 0, 0, 0), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    sleep_ms(20);
    EXPECT(board()->recoveries, 0); /* the inner call may still write to what it was lent */
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_OK);
    EXPECT(board()->word[1], 0);
    EXPECT(board()->recoveries, 1);
    EXPECT(board()->starts_before, 1);  /* the first inner call had ended when the outer service started again */
    EXPECT(board()->inner_done, 2);
    task_end(&client);
    TRY(goes_on(1));
    service_stop(&service);
    service_stop(&inner);
    return NULL;
}

static const char *both_gone_while_one_calls_the_other(void)
{
    struct guest_service inner;
    struct task client;

    TRY(client_waits_for_inner(&client, &inner));
    EXPECT(pd_invoke_4(service.service, SERVICE_CRASH, 0, 0, 0, 0), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_GIVE_UP, 0, 0, 0, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_DEAD);
    EXPECT(board()->word[1], FATE_NOT_DONE);
    task_end(&client);
    service_stop(&service);
    sleep_ms(20);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->inner_done, 1));
    EXPECT(service_ask(&inner, GUEST_ADD, 5, 7), 12);
    service_stop(&inner);
    return NULL;
}

static const char *inner_service_fails_under_the_outer(void)
{
    struct guest_service inner;
    struct task client;

    TRY(nest(&inner));
    board()->fault = 1;
    TRY(client_calls(&client, GUEST_CALL(1, 64, GUEST_NESTED_OWN, 0, 0, GUEST_COUNT)));
    EXPECT(service_bring_back(&inner), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_OK);
    EXPECT(board()->word[1], 1); /* counted once */
    EXPECT(service_stage(&service), STAGE_RUNNING);
    task_end(&client);
    TRY(goes_on(1));
    service_stop(&service);
    service_stop(&inner);
    return NULL;
}

static const char *both_services_fail_at_once(void)
{
    struct guest_service inner;
    struct task client;

    TRY(nest(&inner));
    board()->fault = 1;
    TRY(client_calls(&client, GUEST_CALL(1, 64, GUEST_NESTED_OWN, 0, 0, GUEST_COUNT)));
    sleep_ms(10);
    EXPECT(service_stage(&inner), STAGE_FAILED); /* the outer's worker waits in its queue */
    EXPECT(pd_invoke_4(service.service, SERVICE_CRASH, 0, 0, 0, 0), PD_OK);
    EXPECT(service_bring_back(&service), PD_OK);
    sleep_ms(10); /* it is back, and waits for the inner one again */
    EXPECT(service_bring_back(&inner), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_OK);
    EXPECT(board()->word[1], 1);
    task_end(&client);
    TRY(goes_on(1));
    service_stop(&service);
    service_stop(&inner);
    return NULL;
}

static const char *deferred_requests_of_one_client_are_answered_in_order(void)
{
    struct task tasks[3];

    TRY(start(256));
    for (unsigned index = 0; index < 3; index++) {
        EXPECT(task_start(&tasks[index], guest_caller, GUEST_CALL(index, service.portal, GUEST_DEFER, 0, 0, 0),
                          LOW_PRIORITY),
               PD_OK);
        EXPECT_TRUE(wait_for(&board()->arrived[index], 1));
        sleep_ms(3);
    }
    EXPECT(service_ask(&service, GUEST_ANSWER, service.binding, 41), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[0], 2));
    EXPECT(board()->word[0], 41);
    {
        struct pd_call call = {.word = {service.binding, 42, 43, 0}};

        EXPECT(pd_invoke(service.portal, GUEST_ANSWER_BOTH, &call), PD_OK);
        EXPECT(call.word[0], PD_OK);
    }
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2) && wait_for(&board()->arrived[2], 2));
    EXPECT(board()->word[1], 42);
    EXPECT(board()->word[2], 43);
    EXPECT(service_ask(&service, GUEST_ANSWER, service.binding, 44), PD_AGAIN);
    for (unsigned index = 0; index < 3; index++) {
        task_end(&tasks[index]);
    }
    service_stop(&service);
    return NULL;
}

static const char *unbinding_ends_what_waits(void)
{
    struct task deferred, queued, served;

    TRY(start(256));
    EXPECT(task_start(&deferred, guest_caller, GUEST_CALL(1, service.portal, GUEST_DEFER, 0, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(task_start(&served, guest_caller, GUEST_CALL(2, service.portal, GUEST_HOLD, 0, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 3));
    EXPECT(task_start(&queued, guest_caller, GUEST_CALL(3, service.portal, GUEST_ADD, 0, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[3], 1));
    EXPECT(pd_service_unbind(service.service, service.binding), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_DEAD);
    EXPECT(board()->word[1], FATE_UNKNOWN);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[2], 2) && wait_for(&board()->arrived[3], 2));
    EXPECT(board()->status[2], PD_OK); /* begun before: it ends as it would */
    EXPECT(board()->status[3], PD_DEAD);
    EXPECT(board()->word[3], FATE_NOT_DONE);
    EXPECT_TRUE(wait_for(&board()->unbinds, 1));
    EXPECT(service_ask(&service, GUEST_ADD, 0, 0), PD_DEAD);
    task_end(&deferred);
    task_end(&queued);
    task_end(&served);
    service_stop(&service);
    return NULL;
}

/* The same as unbinding, though callers still wait there. */
static const char *the_last_name_goes_while_calls_wait(void)
{
    struct task deferred, served, queued;

    TRY(start(128));
    EXPECT(task_start(&deferred, guest_caller, GUEST_CALL(1, service.portal, GUEST_DEFER, 0, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(task_start(&served, guest_caller, GUEST_CALL(2, service.portal, GUEST_HOLD, 0, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 3));
    EXPECT(task_start(&queued, guest_caller, GUEST_CALL(3, service.portal, GUEST_ADD, 0, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[3], 1));
    sleep_ms(2);
    pd_slot_drop(service.portal);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_DEAD);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[2], 2) && wait_for(&board()->arrived[3], 2));
    EXPECT(board()->status[2], PD_OK);
    EXPECT(board()->status[3], PD_DEAD);
    EXPECT_TRUE(wait_for(&board()->unbinds, 1));
    service.portal = 0;
    task_end(&deferred);
    task_end(&queued);
    task_end(&served);
    service_stop(&service);
    return NULL;
}

static const char *time_of_a_caller_may_go_while_it_calls(void)
{
    struct guest_service inner;
    struct task caller;
    uint64_t serving;

    TRY(nest(&inner));
    serving = board()->serving;
    EXPECT(task_start(&caller, guest_caller, GUEST_CALL(1, service.portal, GUEST_NESTED, 1, GUEST_CALL_OUT, GUEST_FILL_LATE),
                      LOW_PRIORITY),
           PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, serving + 2));
    pd_slot_drop(caller.context); /* its last name, but the thread keeps it */
    caller.context = 0;
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_OK);
    task_end(&caller);
    service_stop(&service);
    service_stop(&inner);
    return NULL;
}

static const char *only_a_worker_replies(void)
{
    int64_t status = (int64_t)(1ull << REPLY_SYSCALL_BIT);

    __asm__ volatile("syscall" : "+a"(status) : : "rcx", "r11", "rdi", "rsi", "rdx", "r8", "r9", "r10", "memory");
    EXPECT(status, PD_BAD_OPERATION);
    return NULL;
}

const struct test call_tests[] = {
    {"client_killed_between_calls", client_killed_between_calls},
    {"client_killed_while_it_is_served", client_killed_while_it_is_served},
    {"client_killed_while_it_waits_for_its_turn", client_killed_while_it_waits_for_its_turn},
    {"client_killed_while_its_request_is_deferred", client_killed_while_its_request_is_deferred},
    {"client_killed_while_it_is_parked", client_killed_while_it_is_parked},
    {"client_killed_while_its_service_calls_another", client_killed_while_its_service_calls_another},
    {"service_killed_while_it_calls_another", service_killed_while_it_calls_another},
    {"both_gone_while_one_calls_the_other", both_gone_while_one_calls_the_other},
    {"inner_service_fails_under_the_outer", inner_service_fails_under_the_outer},
    {"both_services_fail_at_once", both_services_fail_at_once},
    {"deferred_requests_of_one_client_are_answered_in_order", deferred_requests_of_one_client_are_answered_in_order},
    {"unbinding_ends_what_waits", unbinding_ends_what_waits},
    {"the_last_name_goes_while_calls_wait", the_last_name_goes_while_calls_wait},
    {"time_of_a_caller_may_go_while_it_calls", time_of_a_caller_may_go_while_it_calls},
    {"only_a_worker_replies", only_a_worker_replies},
    {NULL, NULL},
};
