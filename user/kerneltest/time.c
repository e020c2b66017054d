/* SPDX-License-Identifier: MIT */
/* Notifications, deadlines, priorities, budgets, and two threads in one domain. Rule: harness.h. */
#include "harness.h"

static const char *bits_are_taken_once(void)
{
    uint32_t notification = pd_slot_take();
    uint64_t bits;

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(pd_poll(notification, ~0ul, &bits), PD_OK);
    EXPECT(bits, 0);
    EXPECT(pd_signal(notification, 0x15), PD_OK);
    EXPECT(pd_signal(notification, 0x02), PD_OK);
    EXPECT(pd_poll(notification, 0x06, &bits), PD_OK);
    EXPECT(bits, 0x06);
    EXPECT(pd_wait(notification, 0x01, 0, &bits), PD_OK);
    EXPECT(bits, 0x01);
    EXPECT(pd_poll(notification, ~0ul, &bits), PD_OK);
    EXPECT(bits, 0x10);
    EXPECT(pd_poll(notification, ~0ul, &bits), PD_OK);
    EXPECT(bits, 0);
    pd_slot_drop(notification);
    return NULL;
}

static const char *waiting_ends_at_its_deadline(void)
{
    uint32_t notification = pd_slot_take();
    uint64_t bits, before;

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    before = pd_now_ns();
    EXPECT(pd_wait(notification, 1, before + 5 * MILLISECOND_NS, &bits), PD_TIMEOUT);
    EXPECT_TRUE(pd_now_ns() >= before + 5 * MILLISECOND_NS && pd_now_ns() < before + 8 * MILLISECOND_NS);
    EXPECT(pd_wait(notification, 1, 1, &bits), PD_TIMEOUT); /* long past */
    EXPECT(pd_signal(notification, 1), PD_OK);
    EXPECT(pd_wait(notification, 1, 1, &bits), PD_OK); /* what is there is there */
    EXPECT(pd_sleep_until(0), PD_OK);
    EXPECT(pd_sleep_until(before), PD_OK);
    pd_slot_drop(notification);
    return NULL;
}

static const char *who_waits_longest_is_first(void)
{
    struct task tasks[4];
    uint32_t notification = pd_slot_take();

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    for (uint64_t index = 0; index < 4; index++) {
        EXPECT(task_start(&tasks[index], guest_waiter, index | (uint64_t)notification << 8, LOW_PRIORITY), PD_OK);
        EXPECT_TRUE(wait_for(&board()->arrived[index], 1));
        sleep_ms(2);
    }
    for (uint64_t turn = 0; turn < 8; turn++) {
        EXPECT(pd_signal(notification, 1), PD_OK);
        EXPECT_TRUE(wait_for(&board()->ordered, turn + 1));
        EXPECT(board()->order[turn], turn % 4);
    }
    task_end(&tasks[2]); /* one that waits */
    EXPECT(pd_signal(notification, 1), PD_OK);
    EXPECT_TRUE(wait_for(&board()->ordered, 9));
    task_end(&tasks[0]);
    task_end(&tasks[1]);
    task_end(&tasks[3]);
    pd_slot_drop(notification);
    return NULL;
}

static const char *a_notification_that_goes_wakes_its_waiters(void)
{
    struct task task;
    uint32_t notification = pd_slot_take();

    EXPECT(pd_create_notification(SLOT_SELF_DOMAIN, notification), PD_OK);
    EXPECT(task_start(&task, guest_waiter, 1 | (uint64_t)notification << 8, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
    sleep_ms(2);
    pd_slot_drop(notification);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
    EXPECT(board()->status[1] == PD_DEAD || board()->status[1] == PD_BAD_CAPABILITY, 1);
    task_end(&task);
    return NULL;
}

static const char *units_of_a_semaphore_are_taken_one_by_one(void)
{
    uint32_t semaphore = pd_slot_take();
    uint64_t taken, before = pd_now_ns();

    EXPECT(pd_create_semaphore(SLOT_SELF_DOMAIN, semaphore, 2), PD_OK);
    EXPECT(pd_poll(semaphore, 1, &taken), PD_OK);
    EXPECT(taken, 1);
    EXPECT(pd_semaphore_take(semaphore, 0), PD_OK);
    EXPECT(pd_poll(semaphore, 1, &taken), PD_OK);
    EXPECT(taken, 0);
    EXPECT(pd_semaphore_take(semaphore, before + 5 * MILLISECOND_NS), PD_TIMEOUT);
    EXPECT_TRUE(pd_now_ns() >= before + 5 * MILLISECOND_NS);
    EXPECT(pd_semaphore_post(semaphore, 3), PD_OK);
    EXPECT(pd_semaphore_post(semaphore, 1), PD_OK); /* they add up, where bits would not */
    EXPECT(pd_semaphore_post(semaphore, 0), PD_OK);
    for (int unit = 0; unit < 4; unit++) {
        EXPECT(pd_semaphore_take(semaphore, 1), PD_OK); /* long past, but there is one */
    }
    EXPECT(pd_semaphore_take(semaphore, 1), PD_TIMEOUT);
    pd_slot_drop(semaphore);
    return NULL;
}

static const char *a_semaphore_wakes_as_many_as_it_has_units(void)
{
    struct task tasks[4];
    uint32_t semaphore = pd_slot_take();

    EXPECT(pd_create_semaphore(SLOT_SELF_DOMAIN, semaphore, 0), PD_OK);
    for (uint64_t index = 0; index < 4; index++) {
        EXPECT(task_start(&tasks[index], guest_waiter, index | (uint64_t)semaphore << 8, LOW_PRIORITY), PD_OK);
        EXPECT_TRUE(wait_for(&board()->arrived[index], 1));
        sleep_ms(2);
    }
    EXPECT(pd_semaphore_post(semaphore, 3), PD_OK);
    EXPECT_TRUE(wait_for(&board()->ordered, 3));
    sleep_ms(5);
    EXPECT(board()->ordered, 3);
    for (uint64_t turn = 0; turn < 3; turn++) {
        EXPECT(board()->order[turn], turn);
    }
    task_end(&tasks[3]); /* who waits longest now: its turn is the next one's */
    EXPECT(pd_semaphore_post(semaphore, 1), PD_OK);
    EXPECT_TRUE(wait_for(&board()->ordered, 4));
    EXPECT(board()->order[3], 0);
    pd_slot_drop(semaphore); /* the others wait for what is no more */
    for (uint64_t index = 0; index < 3; index++) {
        EXPECT_TRUE(wait_for(&board()->arrived[index], index ? 3 : 4));
        EXPECT_TRUE(board()->status[index] == PD_DEAD || board()->status[index] == PD_BAD_CAPABILITY);
        task_end(&tasks[index]);
    }
    return NULL;
}

static const char *a_semaphore_is_never_more_than_full(void)
{
    uint32_t semaphore = pd_slot_take(), child = pd_slot_take(), copy = pd_slot_take();
    struct guest_service service;
    uint64_t taken;

    EXPECT(pd_create_semaphore(SLOT_SELF_DOMAIN, semaphore, SEMAPHORE_MAXIMUM + 1ul), PD_BAD_ARGUMENT);
    EXPECT(pd_invoke_4(SLOT_SELF_DOMAIN, DOMAIN_CREATE_NOTIFICATION, semaphore, 0, 1, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_invoke_4(SLOT_SELF_DOMAIN, DOMAIN_CREATE_NOTIFICATION, semaphore, 2, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_create_semaphore(SLOT_SELF_DOMAIN, semaphore, SEMAPHORE_MAXIMUM - 3), PD_OK);
    EXPECT(pd_semaphore_post(semaphore, SEMAPHORE_STEP + 1), PD_TOO_LARGE);
    EXPECT(pd_semaphore_post(semaphore, ~0ul), PD_TOO_LARGE);
    EXPECT(pd_semaphore_post(semaphore, 4), PD_TOO_LARGE);
    EXPECT(pd_semaphore_post(semaphore, 3), PD_OK);
    EXPECT(pd_semaphore_post(semaphore, 1), PD_TOO_LARGE);
    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, child, 16), PD_OK);
    EXPECT(pd_set_exit_notification(child, semaphore, 1ul << 40), PD_OK);
    EXPECT(pd_kill(child), PD_OK); /* the kernel's own is lost: it is full */
    EXPECT(pd_semaphore_post(semaphore, 1), PD_TOO_LARGE);
    EXPECT(pd_poll(semaphore, 2, &taken), PD_BAD_ARGUMENT);
    EXPECT(pd_wait(semaphore, ~0ul, 1, &taken), PD_BAD_ARGUMENT);
    EXPECT(pd_wait(semaphore, 0, 1, &taken), PD_BAD_ARGUMENT);
    EXPECT(pd_invoke_4(semaphore, NOTIFICATION_POLL + 1, 1, 0, 0, 0), PD_BAD_OPERATION);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, semaphore, SLOT_SELF_DOMAIN, copy, RIGHT_WRITE, 0), PD_OK);
    EXPECT(pd_semaphore_take(copy, 1), PD_NO_RIGHT);
    pd_delete(SLOT_SELF_DOMAIN, copy);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, semaphore, SLOT_SELF_DOMAIN, copy, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_semaphore_take(copy, 1), PD_OK);
    EXPECT(pd_semaphore_post(copy, 1), PD_NO_RIGHT);
    EXPECT(service_make(&service, 0, 0, 20000), PD_OK);
    EXPECT(pd_invoke_4(service.service, SERVICE_BIND_NOTIFICATION, semaphore, 0, 0, 0), PD_WRONG_TYPE);
    service_stop(&service);
    pd_slot_drop(copy);
    pd_slot_drop(child);
    pd_slot_drop(semaphore);
    return NULL;
}

/* Ends of domains are counted, where bits would be or-ed into one. */
static const char *a_semaphore_counts_ends(void)
{
    uint32_t semaphore = pd_slot_take(), children[5];

    EXPECT(pd_create_semaphore(SLOT_SELF_DOMAIN, semaphore, 0), PD_OK);
    for (unsigned index = 0; index < 5; index++) {
        children[index] = pd_slot_take();
        EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, children[index], 16), PD_OK);
        EXPECT(pd_set_exit_notification(children[index], semaphore, 6), PD_OK);
        EXPECT(pd_kill(children[index]), PD_OK);
    }
    for (unsigned index = 0; index < 5; index++) {
        EXPECT(pd_semaphore_take(semaphore, 1), PD_OK);
        pd_slot_drop(children[index]);
    }
    EXPECT(pd_semaphore_take(semaphore, 1), PD_TIMEOUT);
    pd_slot_drop(semaphore);
    return NULL;
}

static const char *equals_take_turns(void)
{
    struct task tasks[2];
    uint64_t shares[2];

    for (uint64_t index = 0; index < 2; index++) {
        EXPECT(task_start(&tasks[index], guest_spin, index, LOW_PRIORITY), PD_OK);
    }
    sleep_ms(200);
    shares[0] = board()->arrived[0];
    shares[1] = board()->arrived[1];
    EXPECT_TRUE(shares[0] > shares[1] / 2 && shares[1] > shares[0] / 2);
    task_end(&tasks[0]);
    task_end(&tasks[1]);
    return NULL;
}

static const char *a_runaway_starves_nobody_above_it(void)
{
    struct task runaway, low;
    uint64_t before = pd_now_ns();

    EXPECT(task_domain(&runaway, 256), PD_OK);
    EXPECT(task_run(&runaway, guest_spin, 1, OWN_PRIORITY), PD_OK); /* as high as this program */
    EXPECT(task_start(&low, guest_spin, 2, LOW_PRIORITY), PD_OK);
    for (int round = 0; round < 10; round++) {
        sleep_ms(1);
        EXPECT(portal_ask(SLOT_RNG, 2, 1, 0) >= 0, 1); /* every service answers */
    }
    EXPECT_TRUE(pd_now_ns() - before < 300 * MILLISECOND_NS); /* a turn is 10 ms */
    EXPECT(board()->arrived[2], 0);
    task_end(&runaway);
    EXPECT_TRUE(wait_for(&board()->arrived[2], 1));
    task_end(&low);
    return NULL;
}

static const char *time_is_bound_once(void)
{
    struct task task;
    uint32_t other = pd_slot_take();

    EXPECT(task_start(&task, guest_sleeper, 1, LOW_PRIORITY), PD_OK);
    EXPECT(pd_create_sched_context(SLOT_SELF_DOMAIN, other), PD_OK);
    EXPECT(pd_bind_sched_context(task.thread, other), PD_BUSY);
    EXPECT(pd_bind_sched_context(SLOT_SELF_THREAD, task.context), PD_BUSY);
    EXPECT(pd_bind_sched_context(task.thread, SLOT_RNG), PD_WRONG_TYPE);
    EXPECT(pd_thread_start(task.thread, 0, 0, 0), PD_BUSY);
    EXPECT(pd_invoke_4(task.thread, THREAD_STOP, 0, 0, 0, 0), PD_OK);
    EXPECT(pd_thread_start(task.thread, 0, 0, 0), PD_DEAD);
    EXPECT(pd_invoke_4(task.thread, THREAD_YIELD, 0, 0, 0, 0), PD_DEAD);
    task_end(&task);
    pd_slot_drop(other);
    return NULL;
}

/* A thread that finds its registers empty, and then keeps a number in one of them. */
static _Noreturn void floating_spin(uint64_t argument)
{
    uint64_t image[64] __attribute__((aligned(16)));
    double mine = 0.5;

    __asm__ volatile("fxsaveq %0" : "=m"(image));
    for (int index = 4; index < 52; index++) { /* ST0-7 and XMM0-15: Intel SDM vol. 1, table 10-2 */
        board()->word[argument] |= image[index];
    }
    for (;;) {
        double before = mine;

        for (int step = 0; step < 1000; step++) {
            __asm__ volatile("" : "+x"(mine));
            mine += 0.5;
        }
        board()->status[argument] |= mine != before + 500.0;
        board()->arrived[argument]++;
        if (mine > 1e9) {
            mine = 0.5;
        }
    }
}

/* Both threads keep numbers in vector registers, across many switches. */
static const char *vector_registers_are_each_threads_own(void)
{
    struct task task;
    double mine = 1.0;

    EXPECT(task_start(&task, floating_spin, 1, OWN_PRIORITY), PD_OK);
    for (int round = 0; round < 50; round++) {
        for (int step = 0; step < 10000; step++) {
            __asm__ volatile("" : "+x"(mine)); /* it stays in its register */
            mine += 1.0;
        }
        pd_invoke_4(SLOT_SELF_THREAD, THREAD_YIELD, 0, 0, 0, 0);
    }
    EXPECT((int64_t)mine, 500001);
    EXPECT_TRUE(board()->arrived[1] > 0);
    EXPECT(board()->status[1], 0); /* it saw nothing but its own */
    EXPECT(board()->word[1], 0);   /* and found all registers empty at first */
    task_end(&task);
    return NULL;
}

const struct test time_tests[] = {
    {"bits_are_taken_once", bits_are_taken_once},
    {"waiting_ends_at_its_deadline", waiting_ends_at_its_deadline},
    {"who_waits_longest_is_first", who_waits_longest_is_first},
    {"a_notification_that_goes_wakes_its_waiters", a_notification_that_goes_wakes_its_waiters},
    {"units_of_a_semaphore_are_taken_one_by_one", units_of_a_semaphore_are_taken_one_by_one},
    {"a_semaphore_wakes_as_many_as_it_has_units", a_semaphore_wakes_as_many_as_it_has_units},
    {"a_semaphore_is_never_more_than_full", a_semaphore_is_never_more_than_full},
    {"a_semaphore_counts_ends", a_semaphore_counts_ends},
    {"equals_take_turns", equals_take_turns},
    {"a_runaway_starves_nobody_above_it", a_runaway_starves_nobody_above_it},
    {"time_is_bound_once", time_is_bound_once},
    {"vector_registers_are_each_threads_own", vector_registers_are_each_threads_own},
    {NULL, NULL},
};
