/* SPDX-License-Identifier: MIT */
/* Capabilities in calls, and what a service keeps of them. Rule: harness.h. */
#include "handover.h"

struct guest_service taker;
uint32_t ours;

const char *handover_start(void)
{
    EXPECT(service_start(&taker, 64, 0, 2000000), PD_OK);
    EXPECT(service_ask(&taker, GUEST_ADD, 5, 7), 12);
    ours = pd_slot_take();
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, ours), PD_OK);
    return NULL;
}

void handover_stop(void)
{
    service_stop(&taker);
    pd_slot_drop(ours);
}

uint64_t taken(void)
{
    uint64_t bits = 0;

    pd_poll(ours, ~0ul, &bits);
    return bits;
}

int64_t send(uint32_t operation, uint64_t word_0, uint64_t word_1, uint32_t slot, uint64_t rights, uint32_t flags)
{
    struct pd_call call = {.word = {word_0, word_1, 0, 0}};
    int64_t status;

    pd_send_capability(&call, slot, rights, flags, 9);
    status = pd_invoke(taker.portal, operation, &call);
    return status == PD_OK ? (int64_t)call.word[0] : status;
}

int64_t ask_3(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2)
{
    struct pd_call call = {.word = {word_0, word_1, word_2, 0}};
    int64_t status = pd_invoke(taker.portal, operation, &call);

    return status == PD_OK ? (int64_t)call.word[0] : status;
}

int64_t kept(void)
{
    return service_ask(&taker, GUEST_KEPT, 0, 0);
}

int64_t signal_kept(uint64_t index, uint64_t bits)
{
    return ask_3(GUEST_SIGNAL_KEPT, taker.binding, index, bits);
}

int64_t sender(struct task *task, uint64_t number, uint32_t operation, uint32_t source, uint32_t flags,
                      uint64_t word_0, uint64_t word_1)
{
    board()->scratch[3] = word_0;
    board()->scratch[4] = word_1;
    return task_start(task, GUEST_SENDER_ENTRY,
                      GUEST_SENDER(number, taker.portal, operation, source, flags), LOW_PRIORITY);
}

int64_t kind_of(uint32_t slot)
{
    uint64_t type, rights, badge;
    int64_t status = pd_identify(slot, &type, &rights, &badge);

    return status == PD_OK ? (int64_t)(badge << 16 | type << 8 | rights) : status;
}

/* ---- call ---- */

static const char *a_capability_comes_with_a_call_and_goes_with_it(void)
{
    TRY(handover_start());
    EXPECT(send(GUEST_SIGNAL, SLOT_ARRIVED, 5, ours, RIGHT_WRITE, 0), PD_OK);
    EXPECT(taken(), 5);
    EXPECT(service_ask(&taker, GUEST_SIGNAL, SLOT_ARRIVED, 5), PD_BAD_CAPABILITY);
    EXPECT(send(GUEST_KIND, SLOT_ARRIVED, 0, ours, RIGHT_WRITE, 0), 9 << 16 | OBJECT_NOTIFICATION << 8 | RIGHT_WRITE);
    EXPECT(send(GUEST_SIGNAL, SLOT_ARRIVED, 5, ours, RIGHT_GRANT, 0), PD_NO_RIGHT);
    EXPECT(taken(), 0);
    EXPECT(kept(), 0);
    handover_stop();
    return NULL;
}

static const char *four_capabilities_come_with_one_call(void)
{
    struct pd_call call = {.word = {SLOT_ARRIVED + 3, 0, 0, 0}};

    TRY(handover_start());
    for (uint32_t index = 0; index < CALL_CAPABILITIES; index++) {
        pd_send_capability(&call, ours, RIGHT_WRITE, 0, index);
    }
    EXPECT(pd_invoke(taker.portal, GUEST_KIND, &call), PD_OK);
    EXPECT(call.word[0], 3 << 16 | OBJECT_NOTIFICATION << 8 | RIGHT_WRITE);
    pd_send_capability(&call, ours, RIGHT_WRITE, 0, 0);
    call.transfer = (CALL_CAPABILITIES + 1ul) << TRANSFER_SEND_SHIFT;
    EXPECT(pd_invoke(taker.portal, GUEST_KIND, &call), PD_BAD_ARGUMENT);
    handover_stop();
    return NULL;
}

static const char *bad_lists_are_refused(void)
{
    uint32_t poor = pd_slot_take();
    uint64_t one = 1ul << TRANSFER_SEND_SHIFT;

    TRY(handover_start());
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, ours, SLOT_SELF_DOMAIN, poor, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    EXPECT(send(GUEST_KEEP, 0, 0, NO_SLOT, 0, 0), PD_BAD_CAPABILITY);
    EXPECT(send(GUEST_KEEP, 0, 0, CAPABILITY_SLOTS + 1, 0, 0), PD_BAD_CAPABILITY);
    EXPECT(send(GUEST_KEEP, 0, 0, 0xffff, 0, 0), PD_BAD_CAPABILITY);
    EXPECT(send(GUEST_KEEP, 0, 0, poor, RIGHT_WRITE, 0), PD_NO_RIGHT);
    EXPECT(send(GUEST_KEEP, 0, 0, ours, RIGHT_ALL | 0x80, 0), PD_NO_RIGHT);
    EXPECT(send(GUEST_KEEP, 0, 0, taker.portal, 0, 0), PD_NO_RIGHT);
    EXPECT(send(GUEST_KEEP, 0, 0, ours, RIGHT_WRITE, 2), PD_BAD_ARGUMENT);
    EXPECT(send(GUEST_KEEP, 0, 0, ours, RIGHT_WRITE, CAPABILITY_MOVE), PD_BUSY); /* `poor` is derived from it */
    for (uint64_t count = CALL_CAPABILITIES + 1; count <= TRANSFER_SEND_MASK; count++) {
        struct pd_call call = {.transfer = count << TRANSFER_SEND_SHIFT};

        EXPECT(pd_invoke(taker.portal, GUEST_KEEP, &call), PD_BAD_ARGUMENT);
        call = (struct pd_call){.transfer = count << TRANSFER_RECEIVE_SHIFT | (uint64_t)NO_SLOT << TRANSFER_RECEIVE_SLOT_SHIFT};
        EXPECT(pd_invoke(taker.portal, GUEST_KEEP, &call), PD_BAD_ARGUMENT);
    }
    {
        struct pd_call call = {.transfer = one | (MESSAGE_CAPABILITIES_OFFSET + 1)};

        EXPECT(pd_invoke(taker.portal, GUEST_KEEP, &call), PD_BAD_ARGUMENT);
        call = (struct pd_call){.transfer = one | 1ul << 48};
        EXPECT(pd_invoke(taker.portal, GUEST_KEEP, &call), PD_BAD_ARGUMENT);
    }
    EXPECT(kept(), 0);
    EXPECT(service_stage(&taker), STAGE_RUNNING);
    pd_slot_drop(poor);
    handover_stop();
    return NULL;
}

/* A second bad one takes the first with it. */
static const char *a_list_arrives_whole_or_not_at_all(void)
{
    struct pd_call call = {0};

    TRY(handover_start());
    pd_send_capability(&call, ours, RIGHT_WRITE, CAPABILITY_MOVE, 0);
    pd_send_capability(&call, ours, RIGHT_WRITE, CAPABILITY_MOVE, 0);
    EXPECT(pd_invoke(taker.portal, GUEST_KEEP, &call), PD_BUSY);
    call = (struct pd_call){0};
    pd_send_capability(&call, ours, RIGHT_WRITE, CAPABILITY_MOVE, 0);
    pd_send_capability(&call, NO_SLOT, RIGHT_WRITE, 0, 0);
    EXPECT(pd_invoke(taker.portal, GUEST_KEEP, &call), PD_BAD_CAPABILITY);
    EXPECT(service_ask(&taker, GUEST_KIND, SLOT_ARRIVED, 0), PD_BAD_CAPABILITY);
    EXPECT(send(GUEST_KEEP, 0, 0, ours, RIGHT_WRITE, CAPABILITY_MOVE), PD_OK); /* nothing is left under way */
    EXPECT(kind_of(ours), PD_BAD_CAPABILITY);
    handover_stop();
    return NULL;
}

static const char *nobody_else_fills_the_slots_of_arrivals(void)
{
    for (uint32_t slot = SLOT_ARRIVED; slot < SLOT_USED + USED_PLACES; slot++) {
        EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, slot), PD_BAD_ARGUMENT);
        EXPECT(pd_copy(SLOT_SELF_DOMAIN, SLOT_SELF_DOMAIN, SLOT_SELF_DOMAIN, slot, RIGHT_USE, 0), PD_BAD_ARGUMENT);
    }
    return NULL;
}

/* ---- keeping ---- */

static const char *what_is_kept_stays_until_it_is_dropped(void)
{
    TRY(handover_start());
    EXPECT(send(GUEST_KEEP, 0, 0, ours, SENT, 0), PD_OK);
    EXPECT(send(GUEST_KEEP, 0, BINDING_CAPABILITIES - 1, ours, RIGHT_WRITE, 0), PD_OK);
    EXPECT(kept(), 1 | 1 << (BINDING_CAPABILITIES - 1));
    EXPECT(signal_kept(0, 1), PD_OK);
    EXPECT(signal_kept(7, 2), PD_OK);
    EXPECT(signal_kept(1, 4), PD_BAD_CAPABILITY);
    EXPECT(taken(), 3);
    EXPECT(service_ask(&taker, GUEST_SIGNAL, SLOT_USED + 1, 8), PD_BAD_CAPABILITY); /* used up with the call */
    EXPECT(send(GUEST_KEEP, 0, 0, ours, RIGHT_GRANT, 0), PD_OK); /* in place of the other */
    EXPECT(signal_kept(0, 1), PD_NO_RIGHT);
    EXPECT(service_ask(&taker, GUEST_DROP, taker.binding, 0), PD_OK);
    EXPECT(service_ask(&taker, GUEST_DROP, taker.binding, 0), PD_OK);
    EXPECT(kept(), 1 << (BINDING_CAPABILITIES - 1));
    handover_stop();
    return NULL;
}

static const char *bad_keepings_are_refused(void)
{
    TRY(handover_start());
    EXPECT(send(GUEST_KEEP, 1, 0, ours, SENT, 0), PD_BAD_CAPABILITY);
    EXPECT(send(GUEST_KEEP, CALL_CAPABILITIES, 0, ours, SENT, 0), PD_BAD_ARGUMENT);
    EXPECT(send(GUEST_KEEP, 0, BINDING_CAPABILITIES, ours, SENT, 0), PD_BAD_ARGUMENT);
    EXPECT(service_ask(&taker, GUEST_KEEP, 0, 0), PD_BAD_CAPABILITY);
    EXPECT(ask_3(GUEST_USE, taker.binding, 0, 0), PD_BAD_CAPABILITY);
    EXPECT(ask_3(GUEST_USE, taker.binding, BINDING_CAPABILITIES, 0), PD_BAD_ARGUMENT);
    EXPECT(ask_3(GUEST_USE, taker.binding, 0, USED_PLACES), PD_BAD_ARGUMENT);
    EXPECT(ask_3(GUEST_USE, taker.binding + 1, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(service_ask(&taker, GUEST_DROP, taker.binding, BINDING_CAPABILITIES), PD_BAD_ARGUMENT);
    EXPECT(service_ask(&taker, GUEST_DROP, taker.binding + 1, 0), PD_BAD_ARGUMENT);
    EXPECT(service_ask(&taker, GUEST_DROP, taker.binding, 0), PD_OK);
    EXPECT(kept(), 0);
    handover_stop();
    return NULL;
}

/* Threads of 576 bytes share their pages with what a binding keeps: when theirs are full, there is room for nothing. */
static const char *keeping_is_paid_for_by_the_client(void)
{
    uint64_t quota, used, before, threads, name, binding;
    uint32_t slots[16], count = 0, rest = pd_slot_take();
    struct task client;

    TRY(handover_start());
    EXPECT(task_domain(&client, 256), PD_OK);
    EXPECT(pd_service_bind(taker.service, client.domain, 64, 0, &binding), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, ours, client.domain, 65, SENT | RIGHT_USE, 0), PD_OK);
    board()->scratch[3] = board()->scratch[4] = 0;
    EXPECT(pd_domain_info(client.domain, &quota, &used, &threads, &name), PD_OK);
    do { /* a thread that begins a page of its own, and then six that fill it, the last of them its main one */
        before = used;
        slots[count] = pd_slot_take();
        EXPECT(pd_create_thread(SLOT_SELF_DOMAIN, slots[count++], client.domain), PD_OK);
        EXPECT(pd_domain_info(client.domain, &quota, &used, &threads, &name), PD_OK);
    } while (used - before < 2);
    for (int more = 0; more < 5; more++) {
        slots[count] = pd_slot_take();
        EXPECT(pd_create_thread(SLOT_SELF_DOMAIN, slots[count++], client.domain), PD_OK);
    }
    EXPECT(pd_service_crash(taker.service), PD_OK);
    EXPECT(task_run(&client, GUEST_SENDER_ENTRY, GUEST_SENDER(1, 64, GUEST_KEEP, 65, 0), LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1)); /* it waits for the service, with all that it runs on resident */
    sleep_ms(5);
    EXPECT(pd_domain_info(client.domain, &quota, &used, &threads, &name), PD_OK);
    while (quota - used > 0 && pd_create_domain(client.domain, rest, quota - used) != PD_OK) {
        used++;
    }
    EXPECT(service_bring_back(&taker), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_OK);
    EXPECT((int64_t)board()->word[1], PD_NO_QUOTA);
    while (count) {
        pd_slot_drop(slots[--count]);
    }
    task_end(&client);
    pd_slot_drop(rest);
    handover_stop();
    return NULL;
}

const struct test handover_tests[] = {
    {"a_capability_comes_with_a_call_and_goes_with_it", a_capability_comes_with_a_call_and_goes_with_it},
    {"four_capabilities_come_with_one_call", four_capabilities_come_with_one_call},
    {"bad_lists_are_refused", bad_lists_are_refused},
    {"a_list_arrives_whole_or_not_at_all", a_list_arrives_whole_or_not_at_all},
    {"nobody_else_fills_the_slots_of_arrivals", nobody_else_fills_the_slots_of_arrivals},
    {"what_is_kept_stays_until_it_is_dropped", what_is_kept_stays_until_it_is_dropped},
    {"bad_keepings_are_refused", bad_keepings_are_refused},
    {"keeping_is_paid_for_by_the_client", keeping_is_paid_for_by_the_client},
    {NULL, NULL},
};
