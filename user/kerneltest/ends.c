/* SPDX-License-Identifier: MIT */
/* How services end: with their domain, with their last name, with their maker. Rule: harness.h. */
#include "harness.h"

static struct guest_service service;

static const char *with_its_domain(void)
{
    struct task served;

    EXPECT(service_start(&service, 256, 4096, 2000000), PD_OK);
    EXPECT(task_start(&served, guest_caller, GUEST_CALL(1, service.portal, GUEST_HOLD, 1, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    EXPECT(pd_kill(service.domain), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_DEAD);
    EXPECT(service_ask(&service, GUEST_ADD, 0, 0), PD_DEAD);
    EXPECT(pd_service_start(service.service), PD_DEAD);
    pages_in_use();
    EXPECT(service_ask(&service, GUEST_ADD, 0, 0), PD_DEAD);
    task_end(&served);
    service_stop(&service);
    return NULL;
}

static const char *with_its_last_name_and_binding(void)
{
    struct pd_domain_status status;

    EXPECT(service_start(&service, 256, 0, 20000), PD_OK);
    EXPECT(pd_delete(service.domain, SLOT_SERVICE), PD_OK); /* its own name for itself */
    pd_slot_drop(service.service);
    EXPECT(service_ask(&service, GUEST_ADD, 5, 7), 12); /* a binding is enough */
    pd_slot_drop(service.portal);
    EXPECT_TRUE(wait_for(&board()->unbinds, 1));
    pages_in_use();
    EXPECT(pd_domain_status(service.domain, &status), PD_OK);
    EXPECT(status.state, DOMAIN_KILLED);
    pd_slot_drop(service.notification);
    pd_slot_drop(service.domain);
    return NULL;
}

static const char *with_a_worker_in_the_midst_of_nothing(void)
{
    for (int round = 0; round < 20; round++) {
        EXPECT(service_start(&service, 256, 128, 20000), PD_OK);
        EXPECT(service_ask(&service, GUEST_COUNT, 0, 0), 1);
        service_stop(&service);
    }
    return NULL;
}

static const char *in_recovery(void)
{
    struct task task;

    EXPECT(service_start(&service, 256, 0, 20000), PD_OK);
    board()->fault = 1;
    EXPECT(task_start(&task, guest_caller, GUEST_CALL(1, service.portal, GUEST_COUNT, 1, 0, 0), LOW_PRIORITY), PD_OK);
    sleep_ms(10);
    EXPECT(service_stage(&service), STAGE_FAILED);
    EXPECT(pd_kill(service.domain), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_DEAD);
    task_end(&task);
    service_stop(&service);
    return NULL;
}

static const char *with_a_call_of_its_own_under_way(void)
{
    struct guest_service inner;
    struct task task;
    uint64_t binding;

    EXPECT(service_start(&service, 256, 0, 2000000), PD_OK);
    EXPECT(service_start(&inner, 256, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind(inner.service, service.domain, GUEST_INNER_SLOT, 0, &binding), PD_OK);
    EXPECT(task_start(&task, guest_caller,
                      GUEST_CALL(1, service.portal, GUEST_NESTED, 2, GUEST_CALL_OUT, GUEST_FILL_LATE), LOW_PRIORITY),
           PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(pd_kill(service.domain), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_DEAD);
    service_stop(&service);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_BUSY); /* the inner call still writes there */
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->inner_done, 1));
    sleep_ms(5);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_OK);
    harness_map_buffer();
    EXPECT(service_ask(&inner, GUEST_ADD, 5, 7), 12);
    task_end(&task);
    service_stop(&inner);
    return NULL;
}

const struct test end_tests[] = {
    {"service_ends_with_its_domain", with_its_domain},
    {"service_ends_with_its_last_name_and_binding", with_its_last_name_and_binding},
    {"service_ends_and_is_made_again", with_a_worker_in_the_midst_of_nothing},
    {"service_ends_in_recovery", in_recovery},
    {"service_ends_with_a_call_of_its_own_under_way", with_a_call_of_its_own_under_way},
    {NULL, NULL},
};
