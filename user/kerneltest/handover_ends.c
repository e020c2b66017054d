/* SPDX-License-Identifier: MIT */
/* Capabilities that are on their way when something ends, those that move, and those that a reply brings. Rule:
 * harness.h. */
#include "handover.h"

#define FLAT (RIGHT_USE | RIGHT_WRITE | RIGHT_GRANT)

/* ---- crashes ---- */

static const char *a_call_that_runs_again_brings_its_capability_again(void)
{
    TRY(handover_start());
    for (uint64_t index = 0; index < 2; index++) { /* a fault after KEEP, then one at the next start as well */
        struct task client;

        board()->fault = 1;
        board()->fault_start = index;
        EXPECT(sender(&client, 1, GUEST_KEEP, ours, 0, 0, index), PD_OK);
        for (uint64_t failures = 0; failures <= index; failures++) {
            EXPECT(service_bring_back(&taker), PD_OK);
            EXPECT_TRUE(wait_for(&board()->recoveries, 2 * index + failures + 1 - index));
        }
        EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
        EXPECT(board()->status[1], PD_OK);
        EXPECT(board()->word[1], PD_OK);
        EXPECT(board()->kept_at_start, index); /* of the call before alone */
        EXPECT(kept(), index ? 3 : 1);
        task_end(&client);
    }
    EXPECT(signal_kept(1, 4), PD_OK);
    EXPECT(taken(), 4);
    handover_stop();
    return NULL;
}

static const char *a_rollback_brings_back_what_was_replaced_or_dropped(void)
{
    struct task client;

    TRY(handover_start());
    EXPECT(send(GUEST_KEEP, 0, 0, ours, RIGHT_WRITE, 0), PD_OK);
    EXPECT(send(GUEST_KEEP, 0, 1, ours, RIGHT_WRITE, 0), PD_OK);
    board()->fault = 1;
    EXPECT(sender(&client, 1, GUEST_DROP, 0, 0, taker.binding, 1), PD_OK);
    EXPECT(pd_wait(taker.notification, 1, pd_now_ns() + 1000 * MILLISECOND_NS, &(uint64_t){0}), PD_OK);
    EXPECT(pd_invoke_4(taker.service, SERVICE_POISON, taker.binding, 0, 0, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_POISON);
    EXPECT(pd_signal(taker.notification, 1), PD_OK);
    EXPECT(service_bring_back(&taker), PD_OK);
    EXPECT(signal_kept(1, 2), PD_OK);
    EXPECT(board()->kept_at_start, 3);
    EXPECT(kept(), 3);
    EXPECT(taken(), 2);
    task_end(&client);
    handover_stop();
    return NULL;
}

static const char *every_kind_of_transaction_can_use_what_is_kept(void)
{
    uint32_t alarm_at = 1;

    TRY(handover_start());
    EXPECT(send(GUEST_KEEP, 0, 2, ours, RIGHT_WRITE, 0), PD_OK);
    EXPECT(pd_service_crash(taker.service), PD_OK);
    EXPECT(service_bring_back(&taker), PD_OK);
    EXPECT(service_ask(&taker, GUEST_ADD, 1, 2), 3);
    EXPECT(board()->kept_at_start, 4);
    board()->use_in[GUEST_OWN_EVENT] = board()->use_in[GUEST_OWN_UNBIND] = 3;
    board()->event_binding = taker.binding;
    EXPECT(service_ask(&taker, GUEST_ALARM, alarm_at, 1), PD_OK);
    EXPECT_TRUE(wait_for(&board()->event_count, 1));
    EXPECT(board()->used_status[GUEST_OWN_EVENT], PD_OK);
    EXPECT(taken(), 1 << GUEST_OWN_EVENT);
    EXPECT(pd_service_unbind(taker.service, taker.binding), PD_OK);
    EXPECT_TRUE(wait_for(&board()->unbinds, 1));
    EXPECT(board()->used_status[GUEST_OWN_UNBIND], PD_OK);
    EXPECT(taken(), 1 << GUEST_OWN_UNBIND);
    handover_stop();
    return NULL;
}

/* ---- moving ---- */

static const char *a_move_empties_the_slot_at_commit(void)
{
    struct task client, other;
    uint32_t copy = pd_slot_take();

    TRY(handover_start());
    board()->hold = 1;
    EXPECT(sender(&client, 1, GUEST_KEEP, ours, CAPABILITY_MOVE, 0, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(kind_of(ours), OBJECT_NOTIFICATION << 8 | RIGHT_ALL); /* still ours, but not to be copied */
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, ours, SLOT_SELF_DOMAIN, copy, RIGHT_USE, 0), PD_BUSY);
    EXPECT(sender(&other, 2, GUEST_KEEP, ours, CAPABILITY_MOVE, 0, 1), PD_OK);
    EXPECT(taken(), 0);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2) && wait_for(&board()->arrived[2], 2));
    EXPECT(board()->status[1], PD_OK);
    EXPECT(board()->status[2], PD_BAD_CAPABILITY); /* its turn came when it was gone */
    EXPECT(kind_of(ours), PD_BAD_CAPABILITY);
    EXPECT(kept(), 1);
    EXPECT(signal_kept(0, 1), PD_OK);
    task_end(&client);
    task_end(&other);
    pd_slot_give(copy);
    handover_stop();
    return NULL;
}

static const char *a_move_that_is_not_kept_or_not_committed_moves_nothing(void)
{
    struct task client;

    TRY(handover_start());
    EXPECT(send(GUEST_SIGNAL, SLOT_ARRIVED, 1, ours, RIGHT_WRITE, CAPABILITY_MOVE), PD_OK);
    EXPECT(taken(), 1);
    board()->fault = 1;
    EXPECT(sender(&client, 1, GUEST_KEEP, ours, CAPABILITY_MOVE, 0, 0), PD_OK);
    sleep_ms(10);
    EXPECT(service_stage(&taker), STAGE_FAILED);
    EXPECT(kind_of(ours), OBJECT_NOTIFICATION << 8 | RIGHT_ALL);
    EXPECT(pd_invoke_4(client.thread, THREAD_ABANDON, 0, 0, 0, 0), PD_OK);
    EXPECT(service_bring_back(&taker), PD_OK);
    EXPECT(kept(), 0);
    EXPECT(taken(), 0);
    board()->fault = 1;
    task_end(&client);
    EXPECT(sender(&client, 2, GUEST_KEEP, ours, CAPABILITY_MOVE, 0, 0), PD_OK);
    EXPECT(service_bring_back(&taker), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[2], 2));
    EXPECT(kind_of(ours), PD_BAD_CAPABILITY); /* exactly once, the second time */
    EXPECT(kept(), 1);
    task_end(&client);
    handover_stop();
    return NULL;
}

/* ---- revoking, dying ---- */

static const char *revoking_reaches_what_is_kept_and_what_is_under_way(void)
{
    struct task client;

    TRY(handover_start());
    EXPECT(send(GUEST_KEEP, 0, 0, ours, SENT, 0), PD_OK);
    EXPECT(pd_revoke(SLOT_SELF_DOMAIN, ours), PD_OK);
    EXPECT(signal_kept(0, 1), PD_BAD_CAPABILITY);
    EXPECT(kept(), 0);
    for (uint32_t flags = 0; flags <= CAPABILITY_MOVE; flags++) {
        board()->release = 0;
        board()->hold = 1;
        EXPECT(sender(&client, 1, GUEST_KEEP, ours, flags, 0, 0), PD_OK);
        EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
        sleep_ms(5);
        EXPECT(pd_revoke(SLOT_SELF_DOMAIN, ours), PD_OK);
        board()->release = 1;
        EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
        EXPECT(board()->word[1], PD_OK); /* it was there when it was to be kept */
        EXPECT(kept(), 0);
        EXPECT(kind_of(ours), OBJECT_NOTIFICATION << 8 | RIGHT_ALL);
        task_end(&client);
        board()->arrived[1] = 0;
    }
    board()->release = board()->hold = 0;
    board()->hold = 1;
    EXPECT(sender(&client, 1, GUEST_KEEP, ours, CAPABILITY_MOVE, 0, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
    sleep_ms(5);
    EXPECT(pd_delete(SLOT_SELF_DOMAIN, ours), PD_OK); /* what has been derived from it stays */
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, ours), PD_OK); /* another one */
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(kept(), 1);
    EXPECT(signal_kept(0, 1), PD_OK);
    EXPECT(taken(), 0);
    task_end(&client);
    handover_stop();
    return NULL;
}

static const char *a_client_that_dies_takes_back_what_it_gave(void)
{
    struct task client;
    uint64_t binding;

    TRY(handover_start());
    for (uint64_t stage = 0; stage < 2; stage++) { /* served, and done */
        board()->hold = !stage;
        board()->release = 0;
        board()->arrived[1] = 0;
        board()->scratch[3] = board()->scratch[4] = 0;
        board()->use_in[GUEST_OWN_UNBIND] = 1;
        EXPECT(task_domain(&client, 256), PD_OK);
        EXPECT(pd_service_bind(taker.service, client.domain, 64, 0, &binding), PD_OK);
        EXPECT(pd_copy(SLOT_SELF_DOMAIN, ours, client.domain, 65, SENT | RIGHT_USE, 0), PD_OK);
        EXPECT(task_run(&client, GUEST_SENDER_ENTRY, GUEST_SENDER(1, 64, GUEST_KEEP, 65, CAPABILITY_MOVE),
                        LOW_PRIORITY),
               PD_OK);
        EXPECT_TRUE(wait_for(&board()->arrived[1], 1 + stage));
        sleep_ms(5);
        task_end(&client);
        sleep_ms(20); /* its table is empty, but nobody has released the service */
        board()->release = 1;
        EXPECT_TRUE(wait_for(&board()->unbinds, stage + 1));
        EXPECT(board()->used_status[GUEST_OWN_UNBIND], PD_OK); /* seen once more */
        EXPECT(taken(), 1 << GUEST_OWN_UNBIND);
        EXPECT(ask_3(GUEST_USE, binding, 0, 0), PD_BAD_ARGUMENT);
        EXPECT(pd_revoke(SLOT_SELF_DOMAIN, ours), PD_OK);
    }
    board()->use_in[GUEST_OWN_UNBIND] = 0;
    handover_stop();
    return NULL;
}

static const char *a_deferred_request_can_leave_its_capability(void)
{
    struct task client;

    TRY(handover_start());
    EXPECT(sender(&client, 1, GUEST_KEEP_DEFER, ours, 0, 0, 0), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    sleep_ms(5);
    EXPECT(signal_kept(0, 1), PD_OK);
    EXPECT(taken(), 1);
    EXPECT(service_ask(&taker, GUEST_ANSWER, taker.binding, 41), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->word[1], 41);
    task_end(&client);
    handover_stop();
    return NULL;
}

/* ---- passing on ---- */

static const char *a_service_passes_on_what_the_owner_can_still_revoke(void)
{
    struct guest_service inner;
    uint64_t binding;

    TRY(handover_start());
    EXPECT(service_start(&inner, 0, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind(inner.service, taker.domain, GUEST_INNER_SLOT, 0, &binding), PD_OK);
    EXPECT(send(GUEST_PASS_ON, GUEST_KEEP, 0, ours, SENT, 0), PD_OK);
    EXPECT(service_ask(&inner, GUEST_KEPT, 1, 0), 1);
    EXPECT(send(GUEST_PASS_ON, GUEST_KEEP, 0, ours, RIGHT_WRITE, 0), PD_NO_RIGHT);
    EXPECT(send(GUEST_PASS_ON, GUEST_KEEP, 0, ours, SENT, CAPABILITY_MOVE), PD_BUSY); /* nobody has it yet */
    EXPECT(pd_revoke(SLOT_SELF_DOMAIN, ours), PD_OK);
    EXPECT(service_ask(&inner, GUEST_KEPT, 1, 0), 0);
    service_stop(&taker);
    service_stop(&inner);
    pd_slot_drop(ours);
    return NULL;
}

/* ---- reply ---- */

/* Ask for a capability in the reply. The mask of what came, or the status. */
static int64_t fetch(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2, uint32_t slot, uint32_t count)
{
    struct pd_call call = {.word = {word_0, word_1, word_2, 0}};
    int64_t status;

    pd_receive_capabilities(&call, slot, count);
    status = pd_invoke(taker.portal, operation, &call);
    return status == PD_OK ? (int64_t)pd_received_mask(&call) : status;
}

static const char *a_reply_brings_a_capability(void)
{
    uint32_t slot = pd_slot_take();

    TRY(handover_start());
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, ours, taker.domain, 70, FLAT, 0), PD_OK);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_WRITE, 0, slot, 1), 1);
    EXPECT(kind_of(slot), 3 << 16 | OBJECT_NOTIFICATION << 8 | RIGHT_WRITE);
    EXPECT(pd_signal(slot, 2), PD_OK);
    EXPECT(taken(), 2);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_WRITE, 0, slot, 1), PD_SLOT_TAKEN);
    EXPECT(pd_delete(SLOT_SELF_DOMAIN, slot), PD_OK);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_WRITE, 0, slot, 0), 0); /* none was offered */
    EXPECT(kind_of(slot), PD_BAD_CAPABILITY);
    EXPECT(fetch(GUEST_SEND, 71, RIGHT_WRITE, 0, slot, 1), 0);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_ALL, 0, slot, 1), 0);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_USE, 2, slot, 1), 0);
    EXPECT(fetch(GUEST_ADD, 70, RIGHT_WRITE, 0, slot, 1), 0);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_WRITE, 0, CAPABILITY_SLOTS - 1, 1), PD_BAD_ARGUMENT);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_WRITE, 0, 0, 1), PD_BAD_ARGUMENT);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_WRITE, 0, SLOT_ARRIVED, 1), PD_BAD_ARGUMENT);
    EXPECT(fetch(GUEST_SEND, 70, RIGHT_WRITE, CAPABILITY_MOVE, slot, 1), 1);
    EXPECT(service_ask(&taker, GUEST_KIND, 70, 0), PD_BAD_CAPABILITY);
    EXPECT(kind_of(slot), 3 << 16 | OBJECT_NOTIFICATION << 8 | RIGHT_WRITE);
    EXPECT(service_stage(&taker), STAGE_RUNNING);
    pd_slot_drop(slot);
    handover_stop();
    return NULL;
}

static const char *a_reply_can_return_what_is_kept(void)
{
    uint32_t slot = pd_slot_take();

    TRY(handover_start());
    EXPECT(send(GUEST_KEEP, 0, 0, ours, SENT, 0), PD_OK);
    EXPECT(fetch(GUEST_SEND_KEPT, taker.binding, 0, RIGHT_WRITE, slot, 1), 1);
    EXPECT(pd_signal(slot, 4), PD_OK);
    EXPECT(taken(), 4);
    EXPECT(pd_revoke(SLOT_SELF_DOMAIN, ours), PD_OK);
    EXPECT(kind_of(slot), PD_BAD_CAPABILITY);
    EXPECT(fetch(GUEST_SEND_KEPT, taker.binding, 0, RIGHT_WRITE, slot, 1), 0);
    pd_slot_give(slot);
    handover_stop();
    return NULL;
}

static const char *a_reply_that_does_not_commit_brings_nothing(void)
{
    uint32_t slot = pd_slot_take();
    struct task client;

    TRY(handover_start());
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, ours, taker.domain, 70, FLAT, 0), PD_OK);
    board()->fault = 1;
    board()->scratch[2] = slot;
    board()->scratch[5] = CAPABILITY_MOVE;
    EXPECT(sender(&client, 1, GUEST_SEND, 0, 0, 70, RIGHT_WRITE), PD_OK);
    sleep_ms(10);
    EXPECT(service_stage(&taker), STAGE_FAILED);
    EXPECT(kind_of(slot), PD_BAD_CAPABILITY);
    EXPECT(service_bring_back(&taker), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->order[1], 1 << TRANSFER_RECEIVED_SHIFT);
    EXPECT(kind_of(slot), 3 << 16 | OBJECT_NOTIFICATION << 8 | RIGHT_WRITE);
    EXPECT(service_ask(&taker, GUEST_KIND, 70, 0), PD_BAD_CAPABILITY);
    task_end(&client);
    pd_slot_drop(slot);
    handover_stop();
    return NULL;
}

static const char *a_slot_that_is_filled_meanwhile_gets_nothing(void)
{
    uint32_t slot = pd_slot_take();
    struct task client;

    TRY(handover_start());
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, ours, taker.domain, 70, FLAT, 0), PD_OK);
    board()->hold = 1;
    board()->scratch[2] = slot;
    EXPECT(sender(&client, 1, GUEST_SEND, 0, 0, 70, RIGHT_WRITE), PD_OK);
    EXPECT_TRUE(wait_for(&board()->serving, 2));
    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, slot), PD_OK);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1], PD_OK);
    EXPECT(board()->order[1], 0);
    EXPECT(kind_of(slot), OBJECT_NOTIFICATION << 8 | RIGHT_ALL);
    task_end(&client);
    pd_slot_drop(slot);
    handover_stop();
    return NULL;
}

static const char *what_a_service_receives_within_a_call_can_be_kept(void)
{
    struct guest_service inner;
    uint64_t binding;

    TRY(handover_start());
    EXPECT(service_start(&inner, 0, 0, 2000000), PD_OK);
    EXPECT(pd_service_bind(inner.service, taker.domain, GUEST_INNER_SLOT, 0, &binding), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, ours, inner.domain, 70, FLAT, 0), PD_OK);
    EXPECT(service_ask(&taker, GUEST_RECEIVE, GUEST_SEND, 70), 0);
    EXPECT(service_ask(&taker, GUEST_KIND, SLOT_ARRIVED + 3, 0), PD_BAD_CAPABILITY);
    EXPECT(kept(), 1 << 5);
    EXPECT(service_ask(&taker, GUEST_RECEIVE, GUEST_SEND, 70), 0); /* the slot is free again */
    service_stop(&taker);
    service_stop(&inner);
    pd_slot_drop(ours);
    return NULL;
}

const struct test handover_end_tests[] = {
    {"a_call_that_runs_again_brings_its_capability_again", a_call_that_runs_again_brings_its_capability_again},
    {"a_rollback_brings_back_what_was_replaced_or_dropped", a_rollback_brings_back_what_was_replaced_or_dropped},
    {"every_kind_of_transaction_can_use_what_is_kept", every_kind_of_transaction_can_use_what_is_kept},
    {"a_move_empties_the_slot_at_commit", a_move_empties_the_slot_at_commit},
    {"a_move_that_is_not_kept_or_not_committed_moves_nothing", a_move_that_is_not_kept_or_not_committed_moves_nothing},
    {"revoking_reaches_what_is_kept_and_what_is_under_way", revoking_reaches_what_is_kept_and_what_is_under_way},
    {"a_client_that_dies_takes_back_what_it_gave", a_client_that_dies_takes_back_what_it_gave},
    {"a_deferred_request_can_leave_its_capability", a_deferred_request_can_leave_its_capability},
    {"a_service_passes_on_what_the_owner_can_still_revoke", a_service_passes_on_what_the_owner_can_still_revoke},
    {"a_reply_brings_a_capability", a_reply_brings_a_capability},
    {"a_reply_can_return_what_is_kept", a_reply_can_return_what_is_kept},
    {"a_reply_that_does_not_commit_brings_nothing", a_reply_that_does_not_commit_brings_nothing},
    {"a_slot_that_is_filled_meanwhile_gets_nothing", a_slot_that_is_filled_meanwhile_gets_nothing},
    {"what_a_service_receives_within_a_call_can_be_kept", what_a_service_receives_within_a_call_can_be_kept},
    {NULL, NULL},
};
