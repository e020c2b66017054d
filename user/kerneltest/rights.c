/* SPDX-License-Identifier: MIT */
/* What a capability allows, and that nobody gets more than it was given. Rule: harness.h. */
#include "harness.h"

/* A copy of `slot` with these rights, in *copy. */
static int64_t reduced(uint32_t slot, uint64_t rights, uint32_t *copy)
{
    *copy = pd_slot_take();
    return pd_copy(SLOT_SELF_DOMAIN, slot, SLOT_SELF_DOMAIN, *copy, rights, 0);
}

static const char *machine_ends_for_nobody(void)
{
    uint32_t child = pd_slot_take();

    EXPECT(pd_invoke_4(SLOT_SELF_DOMAIN, DOMAIN_SHUTDOWN, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, child, 64), PD_OK);
    EXPECT(pd_invoke_4(child, DOMAIN_SHUTDOWN, 0, 0, 0, 0), PD_NO_RIGHT);
    pd_kill(child);
    pd_slot_drop(child);
    return NULL;
}

static const char *domain_operations_need_their_right(void)
{
    uint32_t none, use, other = pd_slot_take();

    EXPECT(reduced(SLOT_SELF_DOMAIN, 0, &none), PD_OK);
    EXPECT(reduced(SLOT_SELF_DOMAIN, RIGHT_USE, &use), PD_OK);
    EXPECT(pd_invoke_4(none, DOMAIN_INFO, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(none, DOMAIN_STATUS, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(none, DOMAIN_EXIT, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(use, DOMAIN_INFO, 0, 0, 0, 0), PD_OK);
    for (uint32_t operation = DOMAIN_CREATE_DOMAIN; operation <= DOMAIN_UNMAP; operation++) {
        EXPECT(pd_invoke_4(use, operation, other, 0, 0, 0), PD_NO_RIGHT);
    }
    EXPECT(pd_invoke_4(use, DOMAIN_KILL, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(use, DOMAIN_SET_NAME, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(use, DOMAIN_SET_PRIORITY_LIMIT, 0, 0, 0, 0), PD_NO_RIGHT);
    pd_slot_give(other);
    pd_slot_drop(none);
    pd_slot_drop(use);
    return NULL;
}

static const char *other_operations_need_their_right(void)
{
    uint32_t notification = pd_slot_take(), memory = pd_slot_take(), none, use;
    uint64_t bits;

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(reduced(notification, RIGHT_WRITE, &none), PD_OK);
    EXPECT(pd_poll(none, 1, &bits), PD_NO_RIGHT);
    EXPECT(pd_wait(none, 1, 1, &bits), PD_NO_RIGHT);
    EXPECT(reduced(notification, RIGHT_USE, &use), PD_OK);
    EXPECT(pd_signal(use, 1), PD_NO_RIGHT);
    EXPECT(pd_set_exit_notification(SLOT_SELF_DOMAIN, use, 1), PD_NO_RIGHT);
    pd_slot_drop(none);
    pd_slot_drop(use);
    pd_slot_drop(notification);
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 1, 0), PD_OK);
    EXPECT(reduced(memory, RIGHT_WRITE, &none), PD_OK);
    EXPECT(pd_invoke_4(none, MEMORY_INFO, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(none, MEMORY_CLONE, NO_SLOT, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, none, 0x330000000, 0, 1, RIGHT_USE, 0), PD_NO_RIGHT);
    EXPECT(reduced(memory, RIGHT_USE, &use), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, use, 0x330000000, 0, 1, RIGHT_USE | RIGHT_WRITE, 0), PD_NO_RIGHT);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, use, 0x330000000, 0, 1, RIGHT_USE | RIGHT_EXECUTE, 0), PD_NO_RIGHT);
    pd_slot_drop(none);
    pd_slot_drop(use);
    pd_slot_drop(memory);
    EXPECT(reduced(SLOT_SELF_THREAD, 0, &none), PD_OK);
    EXPECT(pd_invoke_4(none, THREAD_INFO, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(none, THREAD_STOP, 0, 0, 0, 0), PD_NO_RIGHT);
    pd_slot_drop(none);
    return NULL;
}

static const char *copies_never_gain(void)
{
    uint32_t notification = pd_slot_take(), wait_only, copy = pd_slot_take();
    uint64_t type, rights, badge;

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(reduced(notification, RIGHT_USE, &wait_only), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, wait_only, SLOT_SELF_DOMAIN, copy, RIGHT_USE | RIGHT_WRITE, 0), PD_NO_RIGHT);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, wait_only, SLOT_SELF_DOMAIN, copy, 1ull << 40, 0), PD_NO_RIGHT);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, wait_only, SLOT_SELF_DOMAIN, copy, RIGHT_USE, 1ull << 32), PD_BAD_ARGUMENT);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, wait_only, SLOT_SELF_DOMAIN, copy, RIGHT_USE, 77), PD_OK);
    EXPECT(pd_identify(copy, &type, &rights, &badge), PD_OK);
    EXPECT(type, OBJECT_NOTIFICATION);
    EXPECT(rights, RIGHT_USE);
    EXPECT(badge, 77);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, notification, SLOT_SELF_DOMAIN, copy, RIGHT_USE, 0), PD_SLOT_TAKEN);
    pd_slot_drop(copy);
    pd_slot_drop(wait_only);
    pd_slot_drop(notification);
    return NULL;
}

static const char *another_domain_needs_grant(void)
{
    uint32_t child = pd_slot_take(), notification = pd_slot_take(), kept;

    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, child, 64), PD_OK);
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(reduced(notification, RIGHT_USE | RIGHT_WRITE, &kept), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, kept, child, 64, RIGHT_USE, 0), PD_NO_RIGHT);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, notification, child, 64, RIGHT_USE, 0), PD_OK);
    /* A portal is one client's, and always callable. */
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, SLOT_RNG, child, 65, RIGHT_USE, 0), PD_NO_RIGHT);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, SLOT_RNG, SLOT_SELF_DOMAIN, NO_SLOT, 0, 0), PD_NO_RIGHT);
    pd_slot_drop(kept);
    pd_slot_drop(notification);
    pd_kill(child);
    pd_slot_drop(child);
    return NULL;
}

static const char *revoking_reaches_everywhere(void)
{
    uint32_t child = pd_slot_take(), notification = pd_slot_take(), middle, copies[100];
    uint64_t bits;

    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, child, 128), PD_OK);
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(reduced(notification, RIGHT_ALL & ~RIGHT_SUPERVISE, &middle), PD_OK);
    for (unsigned index = 0; index < 100; index++) {
        EXPECT(reduced(index % 3 ? copies[index - 1] : middle, RIGHT_USE | RIGHT_GRANT, &copies[index]), PD_OK);
        EXPECT(pd_copy(SLOT_SELF_DOMAIN, copies[index], child, 64 + index, RIGHT_USE, 0), PD_OK);
    }
    pd_slot_drop(middle); /* what was derived from it is now derived from what it came from */
    EXPECT(pd_poll(copies[99], 1, &bits), PD_OK);
    EXPECT(pd_revoke(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(pd_poll(notification, 1, &bits), PD_OK);
    for (unsigned index = 0; index < 100; index++) {
        EXPECT(pd_poll(copies[index], 1, &bits), PD_BAD_CAPABILITY);
        EXPECT(pd_delete(child, 64 + index), PD_BAD_CAPABILITY);
        pd_slot_give(copies[index]);
    }
    pd_slot_drop(notification);
    pd_kill(child);
    pd_slot_drop(child);
    return NULL;
}

static const char *bad_slots_are_empty(void)
{
    static const uint64_t slots[] = {0, CAPABILITY_SLOTS - 1, CAPABILITY_SLOTS, CAPABILITY_SLOTS + 32, 0xffff};
    uint64_t bits;

    for (unsigned index = 0; index < sizeof slots / sizeof slots[0]; index++) {
        EXPECT(pd_poll((uint32_t)slots[index], 1, &bits), PD_BAD_CAPABILITY);
        EXPECT(pd_delete(SLOT_SELF_DOMAIN, (uint32_t)slots[index]), PD_BAD_CAPABILITY);
        EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, (uint32_t)slots[index]), PD_BAD_ARGUMENT);
    }
    EXPECT(pd_poll(NO_SLOT, 1, &bits), PD_BAD_CAPABILITY);
    EXPECT(pd_invoke_4(SLOT_SELF_DOMAIN, DOMAIN_DELETE, 1ull << 32 | SLOT_RNG, 0, 0, 0), PD_BAD_CAPABILITY);
    EXPECT(pd_invoke_4(SLOT_SELF_DOMAIN, DOMAIN_CREATE_THREAD, NO_SLOT, SLOT_RNG, 0, 0), PD_WRONG_TYPE);
    EXPECT(pd_invoke_4(SLOT_SELF_DOMAIN, 999, 0, 0, 0, 0), PD_BAD_OPERATION);
    return NULL;
}

static const char *thread_deletes_its_own_last_name(void)
{
    struct task task;
    uint32_t fillers[4];

    board()->scratch[0] = 0;
    EXPECT(task_start(&task, guest_delete_self, 1, LOW_PRIORITY), PD_OK);
    board()->scratch[0] = task.thread; /* nobody else has a name for it */
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
    sleep_ms(5);
    EXPECT(board()->arrived[1], 1);
    EXPECT(pd_invoke_4(task.thread, THREAD_INFO, 0, 0, 0, 0), PD_BAD_CAPABILITY);
    for (unsigned index = 0; index < 4; index++) { /* its memory is used again, and is whole */
        fillers[index] = pd_slot_take();
        EXPECT(pd_create_thread(SLOT_SELF_DOMAIN, fillers[index], SLOT_SELF_DOMAIN), PD_OK);
    }
    for (unsigned index = 0; index < 4; index++) {
        pd_slot_drop(fillers[index]);
    }
    pd_slot_give(task.thread);
    task.thread = 0;
    task_end(&task);
    return NULL;
}

static const char *bindings_of_others_are_theirs(void)
{
    struct task task;
    uint64_t binding, mine;
    uint32_t portal = pd_slot_take();

    EXPECT(task_domain(&task, 256), PD_OK);
    EXPECT(pd_service_bind(SLOT_SERVICES + SERVICE_NUMBER_RNG, task.domain, SLOT_RNG, 0, &binding), PD_OK);
    EXPECT(pd_service_bind(SLOT_SERVICES + SERVICE_NUMBER_RNG, SLOT_SELF_DOMAIN, portal, 0, &mine), PD_OK);
    EXPECT(pd_service_unbind(SLOT_SERVICES + SERVICE_NUMBER_RNG, binding), PD_NO_RIGHT);
    EXPECT(pd_service_unbind(SLOT_SERVICES + SERVICE_NUMBER_RNG, mine), PD_OK);
    EXPECT(portal_ask(portal, 2, 1, 0), PD_DEAD);
    pd_slot_drop(portal);
    EXPECT(pd_invoke_4(SLOT_SERVICES + SERVICE_NUMBER_RNG, SERVICE_CRASH, 0, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(SLOT_SERVICES + SERVICE_NUMBER_RNG, SERVICE_PANIC, 0, 0, 0, 0), PD_NO_RIGHT);
    task_end(&task);
    return NULL;
}

static const char *priority_has_a_limit(void)
{
    uint32_t context = pd_slot_take(), child = pd_slot_take();

    EXPECT(pd_create_sched_context(SLOT_SELF_DOMAIN, context), PD_OK);
    EXPECT(pd_sched_context_set(context, OWN_PRIORITY, 0, 0), PD_OK);
    EXPECT(pd_sched_context_set(context, OWN_PRIORITY + 1, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_sched_context_set(context, PRIORITY_MAXIMUM + 1, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_sched_context_set(context, 1, 2, 1), PD_BAD_ARGUMENT);
    EXPECT(pd_set_priority_limit(SLOT_SELF_DOMAIN, PRIORITY_MAXIMUM), PD_NO_RIGHT);
    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, child, 64), PD_OK);
    EXPECT(pd_set_priority_limit(child, PRIORITY_MAXIMUM), PD_NO_RIGHT);
    EXPECT(pd_set_priority_limit(child, OWN_PRIORITY), PD_OK);
    EXPECT(pd_sched_context_set(SLOT_SCHED_CONTEXT, OWN_PRIORITY + 1, 0, 0), PD_NO_RIGHT); /* of its own time, too */
    EXPECT(pd_sched_context_set(SLOT_SCHED_CONTEXT, OWN_PRIORITY, 0, 0), PD_OK);
    pd_slot_drop(context);
    pd_kill(child);
    pd_slot_drop(child);
    return NULL;
}

/* A domain that is kept low makes no domain that is higher, whatever time its threads have been given. */
static const char *priority_limits_are_handed_down(void)
{
    struct task low, below = {0};

    EXPECT(task_domain(&low, 512), PD_OK);
    EXPECT(pd_set_priority_limit(low.domain, LOW_PRIORITY), PD_OK);
    board()->scratch[0] = 70;
    EXPECT(task_run(&low, guest_make_domain, 1, OWN_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
    EXPECT(board()->status[1], PD_OK);
    below.domain = pd_slot_take();
    EXPECT(pd_copy(low.domain, 70, SLOT_SELF_DOMAIN, below.domain, RIGHT_USE | RIGHT_MANAGE | RIGHT_GRANT, 0), PD_OK);
    EXPECT(task_furnish(&below), PD_OK);
    EXPECT(task_run(&below, guest_set_priority, 2 | (LOW_PRIORITY + 1) << 8, OWN_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[2], 1));
    EXPECT(board()->status[2], PD_NO_RIGHT);
    task_end(&below);
    task_end(&low);
    return NULL;
}

static const char *services_of_programs_have_no_place_in_the_system(void)
{
    struct guest_service service;

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_SET_IDENTITY, 12, 0, 0, 1), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(service.service, SERVICE_SET_SCHEDULING, PRIORITY_MAXIMUM, 0, 0, 0), PD_NO_RIGHT);
    EXPECT(pd_invoke_4(service.service, SERVICE_SET_SCHEDULING, OWN_PRIORITY, 0, 0, 0), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_OPEN_SSR, service.binding, 0, 0, 0), PD_NO_RIGHT);
    service_stop(&service);
    return NULL;
}

const struct test rights_tests[] = {
    {"machine_ends_for_nobody", machine_ends_for_nobody},
    {"domain_operations_need_their_right", domain_operations_need_their_right},
    {"other_operations_need_their_right", other_operations_need_their_right},
    {"copies_never_gain", copies_never_gain},
    {"another_domain_needs_grant", another_domain_needs_grant},
    {"revoking_reaches_everywhere", revoking_reaches_everywhere},
    {"bad_slots_are_empty", bad_slots_are_empty},
    {"thread_deletes_its_own_last_name", thread_deletes_its_own_last_name},
    {"bindings_of_others_are_theirs", bindings_of_others_are_theirs},
    {"priority_has_a_limit", priority_has_a_limit},
    {"priority_limits_are_handed_down", priority_limits_are_handed_down},
    {"services_of_programs_have_no_place_in_the_system", services_of_programs_have_no_place_in_the_system},
    {NULL, NULL},
};
