/* SPDX-License-Identifier: MIT */
/* What happens to lent pages when a call is cut short, or when who lent them goes. Rule: harness.h. */
#include "harness.h"

#define AT 0x330000000ul
#define REUSED_PAGES 128

static struct guest_service outer, inner;

static const char *nest(void)
{
    uint64_t binding;

    EXPECT(service_make_with_outbox(&outer, 2), PD_OK);
    EXPECT(service_launch(&outer), PD_OK);
    EXPECT(service_start(&inner, 256, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind(inner.service, outer.domain, GUEST_INNER_SLOT, 0, &binding), PD_OK);
    EXPECT(service_ask(&outer, GUEST_NESTED, GUEST_ADD, 5), 5);
    return NULL;
}

static const char *what_an_incarnation_maps_itself_is_not_lent(void)
{
    const char *why = nest();

    if (why) {
        return why;
    }
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, NO_SLOT, 1, 0), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, NO_SLOT, outer.domain, GUEST_MEMORY_SLOT, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, outer.domain, outer.domain, SLOT_SELF_DOMAIN, RIGHT_USE | RIGHT_MANAGE, 0), PD_OK);
    EXPECT(service_ask(&outer, GUEST_NESTED_MADE, GUEST_FILL, 5), PD_BAD_ADDRESS);
    EXPECT(service_ask(&outer, GUEST_NESTED_OWN, GUEST_FILL, 5), 0); /* what lives through restarts is */
    pd_slot_drop(NO_SLOT);
    service_stop(&outer);
    service_stop(&inner);
    return NULL;
}

/* The inner service is about to write to a page of the outer one when that ends. */
static const char *end_while_lending(uint64_t address, void (*end)(void))
{
    uint32_t notification = pd_slot_take(), memory = pd_slot_take();
    volatile uint64_t *words = (volatile uint64_t *)AT;
    const char *why = nest();

    if (why) {
        return why;
    }
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(pd_service_bind_notification(outer.service, notification), PD_OK);
    pd_slot_drop(outer.portal);
    outer.portal = 0;
    EXPECT_TRUE(wait_for(&board()->unbinds, 1));
    board()->event_lends = address;
    EXPECT(pd_signal(notification, 1), PD_OK);
    sleep_ms(5);
    end();
    sleep_ms(5);
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, REUSED_PAGES, 0), PD_OK);
    for (uint64_t page = 0; page < REUSED_PAGES; page += 64) {
        EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT + page * PAGE_BYTES, page, 64, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT),
               PD_OK);
    }
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->inner_done, 1));
    for (uint64_t word = 0; word < REUSED_PAGES * PAGE_BYTES / 8; word++) {
        EXPECT(words[word], 0); /* it wrote where it was lent, and that was nobody else's yet */
    }
    for (uint64_t page = 0; page < REUSED_PAGES; page += 64) {
        EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT + page * PAGE_BYTES, 64), PD_OK);
    }
    EXPECT(service_ask(&inner, GUEST_ADD, 5, 7), 12);
    pd_slot_drop(memory);
    pd_slot_drop(notification);
    service_stop(&outer);
    service_stop(&inner);
    return NULL;
}

static void drop_names(void)
{
    pd_delete(outer.domain, SLOT_SERVICE);
    pd_slot_drop(outer.service);
    outer.service = 0;
}

static void kill_domain(void)
{
    pd_kill(outer.domain);
}

static const char *a_service_without_names_keeps_what_it_lent(void)
{
    return end_while_lending(GUEST_STACK_PAGE, drop_names);
}

static const char *an_outbox_without_names_is_kept_while_it_is_lent(void)
{
    return end_while_lending(WINDOW_OUTBOX, drop_names);
}

static const char *a_killed_service_keeps_what_it_lent(void)
{
    return end_while_lending(GUEST_STACK_PAGE, kill_domain);
}

static const char *a_killed_outbox_is_kept_while_it_is_lent(void)
{
    return end_while_lending(WINDOW_OUTBOX, kill_domain);
}

/* The page is lent as the parent's, copied by a write, lent again as it is now; then the first call ends. */
static const char *a_page_copied_while_it_is_lent_is_frozen_by_the_second_call(void)
{
    struct task first, second, writer;
    uint32_t memory = pd_slot_take();

    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, BUFFER_PAGES), PD_OK);
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, 1, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, BUFFER_ADDRESS, 0, 1, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT), PD_OK);
    *(volatile uint64_t *)BUFFER_ADDRESS = 5;
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, 1), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, BUFFER_ADDRESS, 0, 1, RIGHT_USE | RIGHT_WRITE, MAP_COW), PD_OK);
    EXPECT(service_start(&outer, 128, 0, 2000000), PD_OK);
    EXPECT(service_start(&inner, 128, 0, 2000000), PD_OK);
    EXPECT(task_start(&first, guest_caller, GUEST_CALL(1, outer.portal, GUEST_HOLD, 1, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    *(volatile uint64_t *)BUFFER_ADDRESS = 6; /* a copy of its own; the service still sees 5 */
    EXPECT(task_start(&second, guest_caller, GUEST_CALL(2, inner.portal, GUEST_HOLD, 1, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(pd_invoke_4(outer.service, SERVICE_CRASH, 0, 0, 0, 0), PD_OK);
    EXPECT(task_start(&writer, guest_writer, 3, OWN_PRIORITY), PD_OK);
    sleep_ms(5);
    EXPECT(board()->arrived[3], 1); /* it waits for the second call */
    EXPECT(*(volatile uint64_t *)BUFFER_ADDRESS, 6);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[3], 10));
    task_end(&writer);
    task_end(&first);
    task_end(&second);
    service_stop(&outer);
    service_stop(&inner);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, BUFFER_ADDRESS, 1), PD_OK);
    pd_slot_drop(memory);
    harness_map_buffer();
    return NULL;
}

/* A domain of one thread lends without keeping siblings away, so it gets none before the call has ended. */
static const char *no_sibling_is_made_in_the_midst_of_a_call(void)
{
    struct task client;
    uint64_t binding;
    uint32_t sibling = pd_slot_take();

    EXPECT(service_start(&outer, 128, 0, 2000000), PD_OK);
    EXPECT(task_domain(&client, 256), PD_OK);
    EXPECT(pd_service_bind(outer.service, client.domain, 64, 0, &binding), PD_OK);
    EXPECT(task_run(&client, guest_caller, GUEST_CALL(1, 64, GUEST_HOLD, 1, 0, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 1));
    EXPECT(pd_create_thread(SLOT_SELF_DOMAIN, sibling, client.domain), PD_BUSY);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(pd_create_thread(SLOT_SELF_DOMAIN, sibling, client.domain), PD_OK);
    task_end(&client);
    pd_slot_drop(sibling);
    service_stop(&outer);
    return NULL;
}

const struct test lending_tests[] = {
    {"what_an_incarnation_maps_itself_is_not_lent", what_an_incarnation_maps_itself_is_not_lent},
    {"a_service_without_names_keeps_what_it_lent", a_service_without_names_keeps_what_it_lent},
    {"an_outbox_without_names_is_kept_while_it_is_lent", an_outbox_without_names_is_kept_while_it_is_lent},
    {"a_killed_service_keeps_what_it_lent", a_killed_service_keeps_what_it_lent},
    {"a_killed_outbox_is_kept_while_it_is_lent", a_killed_outbox_is_kept_while_it_is_lent},
    {"a_page_copied_while_it_is_lent_is_frozen_by_the_second_call",
     a_page_copied_while_it_is_lent_is_frozen_by_the_second_call},
    {"no_sibling_is_made_in_the_midst_of_a_call", no_sibling_is_made_in_the_midst_of_a_call},
    {NULL, NULL},
};
