/* SPDX-License-Identifier: MIT */
/* What is derived by thousands, and revoked in steps while others run. Rule: harness.h. */
#include "harness.h"

/*
 * A thread that each tick wakes runs so much later, at most, than when nothing of lower priority is to do: the longest step of
 * the kernel that the tick has to wait for.
 */
#define LATER_NS 6000
#define SLACK_NS 1000 /* so much earlier than the first one may come */
#define WAKES 400
#define WAKES_AMID 20 /* at least so many of them while it revokes */

/* How long after a tick this thread runs again; phase: how the ticks lie. */
static uint64_t wake_after(uint64_t phase)
{
    pd_sleep_until(pd_now_ns() + SLACK_NS);
    return (pd_now_ns() - phase) % MILLISECOND_NS;
}

/* The latest of many, counted with `flag` as it is now; *amid: how many those are. */
static uint64_t latest_wake(uint64_t phase, uint64_t flag, uint64_t *amid)
{
    uint64_t latest = 0;

    *amid = 0;
    for (uint64_t wake = 0; wake < WAKES; wake++) {
        uint64_t late = wake_after(phase);

        if (board()->scratch[1] == flag) {
            *amid += 1;
            latest = late > latest ? late : latest;
        }
    }
    return latest;
}

static const char *others_run_while(enum tree shape)
{
    uint32_t root = pd_slot_take();
    struct task task;
    uint64_t amid, latest, usual, phase, type, rights, badge;

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, root), PD_OK);
    wake_after(0);
    phase = wake_after(0) - SLACK_NS;
    usual = latest_wake(phase, 0, &amid); /* services have something to do at some of the ticks */
    EXPECT(amid, WAKES);
    EXPECT(task_start(&task, guest_reviser, GUEST_REVISER(1, root, shape), LOW_PRIORITY), PD_OK);
    latest = latest_wake(phase, 1, &amid);
    board()->release = 1;
    EXPECT_TRUE(wait_for(&board()->inner_done, 1));
    EXPECT(board()->status[1], PD_OK);
    EXPECT_TRUE(amid >= WAKES_AMID);
    EXPECT_TRUE(latest <= usual + LATER_NS);
    for (uint32_t slot = TREE_FIRST_SLOT; slot < TREE_FIRST_SLOT + TREE_SLOTS; slot++) {
        EXPECT(pd_identify(slot, &type, &rights, &badge), PD_BAD_CAPABILITY);
    }
    EXPECT(pd_signal(root, 1), PD_OK); /* itself it stays */
    task_end(&task);
    pd_slot_drop(root);
    return NULL;
}

static const char *others_run_while_a_wide_tree_is_revoked(void)
{
    return others_run_while(TREE_WIDE);
}

static const char *others_run_while_a_deep_tree_is_revoked(void)
{
    return others_run_while(TREE_DEEP);
}

static const char *others_run_while_a_bushy_tree_is_revoked(void)
{
    return others_run_while(TREE_BUSHY);
}

const struct test revoke_tests[] = {
    {"others_run_while_a_wide_tree_is_revoked", others_run_while_a_wide_tree_is_revoked},
    {"others_run_while_a_deep_tree_is_revoked", others_run_while_a_deep_tree_is_revoked},
    {"others_run_while_a_bushy_tree_is_revoked", others_run_while_a_bushy_tree_is_revoked},
    {NULL, NULL},
};
