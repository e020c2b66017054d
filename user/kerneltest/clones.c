/* SPDX-License-Identifier: MIT */
/* Private copies of what is mapped, as fork() makes them. Rule: harness.h. */
#include "harness.h"

#define AT 0x330000000ul
#define PAGES 1100 /* more than one table of entries, more than one leaf */
#define FORKS 40
#define DEEP 80

static uint32_t memory;

static volatile uint64_t *page(uint64_t index)
{
    return (volatile uint64_t *)(AT + index * PAGE_BYTES);
}

static const char *start(void)
{
    memory = pd_slot_take();
    EXPECT(pd_create_memory(SLOT_SELF_DOMAIN, memory, PAGES, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, PAGES, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    return NULL;
}

static const char *stop(void)
{
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, PAGES), PD_OK);
    pd_slot_drop(memory);
    return NULL;
}

/* A domain with a copy of ours at AT, and somebody in it who looks. */
static const char *fork_off(struct task *child)
{
    uint64_t arrived = board()->arrived[1];

    EXPECT(task_domain(child, 256), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child->domain, 0, 0), PD_OK);
    EXPECT(task_run(child, guest_prober, 1, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], arrived + 1));
    return NULL;
}

/* What the child finds there, after writing. With several children alive, what one of them finds. */
static uint64_t probe(uint64_t index, int write, uint64_t value)
{
    uint64_t arrived = board()->arrived[1];

    board()->probe.address = (uint64_t)page(index);
    board()->probe.write = (uint64_t)write;
    board()->probe.value = value;
    board()->probe.turn++;
    return wait_for(&board()->arrived[1], arrived + 1) ? board()->probe.value : ~0ul;
}

static const char *neither_sees_what_the_other_writes_afterwards(void)
{
    struct task child;

    TRY(start());
    *page(0) = 1;
    *page(1) = 2;
    *page(PAGES - 1) = 3;
    TRY(fork_off(&child));
    *page(0) = 10;
    EXPECT(probe(0, 0, 0), 1);
    EXPECT(probe(1, 1, 20), 20);
    EXPECT(*page(1), 2);
    EXPECT(probe(PAGES - 1, 0, 0), 3);
    *page(5) = 50; /* in nobody's hands before */
    EXPECT(probe(5, 0, 0), 0);
    EXPECT(probe(6, 1, 60), 60);
    EXPECT(*page(6), 0);
    EXPECT(*page(0), 10);
    task_end(&child);
    EXPECT(*page(0), 10);
    EXPECT(*page(PAGES - 1), 3);
    return stop();
}

static const char *a_program_can_clone_itself_again_and_again(void)
{
    TRY(start());
    for (uint64_t turn = 1; turn <= FORKS; turn++) {
        struct task child, other;

        *page(turn) = turn;
        *page(0) = turn;
        TRY(fork_off(&child));
        EXPECT(probe(0, 0, 0), turn);
        if (turn % 2) { /* and two at a time */
            *page(0) = 1000 + turn;
            TRY(fork_off(&other));
            *page(1) = turn;
            task_end(&other);
        }
        EXPECT(probe(turn / 2, 0, 0), turn == 1 ? 1 : turn / 2);
        task_end(&child);
        sleep_ms(2);
    }
    for (uint64_t turn = 2; turn <= FORKS; turn++) {
        EXPECT(*page(turn), turn);
    }
    EXPECT(*page(0), FORKS);
    return stop();
}

static const char *clones_of_clones_that_all_live_come_to_an_end(void)
{
    uint32_t domains[DEEP], count = 0;
    int64_t status = PD_OK;

    TRY(start());
    while (status == PD_OK && count < DEEP) {
        *page(0) = count;
        domains[count] = pd_slot_take();
        EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, domains[count], 16), PD_OK);
        status = pd_clone_mapping(SLOT_SELF_DOMAIN, AT, domains[count++], 0, 0);
    }
    EXPECT(status, PD_TOO_LARGE);
    EXPECT_TRUE(count > 60);
    *page(0) = 77; /* nothing is wrong with it */
    EXPECT(*page(0), 77);
    while (count) {
        pd_kill(domains[--count]);
        pd_slot_drop(domains[count]);
    }
    pages_in_use();
    domains[0] = pd_slot_take();
    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, domains[0], 64), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, domains[0], 0, 0), PD_OK);
    pd_kill(domains[0]);
    pd_slot_drop(domains[0]);
    return stop();
}

static const char *a_clone_is_made_of_a_clone(void)
{
    struct task child, grandchild;

    TRY(start());
    *page(0) = 1;
    *page(1) = 1;
    TRY(fork_off(&child));
    EXPECT(probe(1, 1, 2), 2);
    EXPECT(task_domain(&grandchild, 256), PD_OK);
    EXPECT(pd_clone_mapping(child.domain, AT, grandchild.domain, 0, 0), PD_OK);
    EXPECT(probe(0, 1, 3), 3);
    EXPECT(probe(1, 0, 0), 2);
    task_end(&child);
    sleep_ms(5);
    EXPECT(task_run(&grandchild, guest_prober, 1, LOW_PRIORITY), PD_OK);
    sleep_ms(2);
    EXPECT(probe(0, 0, 0), 1);
    EXPECT(probe(1, 0, 0), 2);
    EXPECT(*page(0), 1);
    EXPECT(*page(1), 1);
    task_end(&grandchild);
    return stop();
}

static const char *shared_memory_stays_shared(void)
{
    uint32_t other = pd_slot_take();
    struct task child;

    TRY(start());
    EXPECT(task_domain(&child, 256), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child.domain, 0, CLONE_SHARE), PD_OK);
    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, other, 16), PD_OK);
    EXPECT(pd_clone_mapping(child.domain, AT, other, 0, 0), PD_NO_RIGHT); /* another's, who may write it */
    pd_slot_drop(other);
    EXPECT(task_run(&child, guest_prober, 1, LOW_PRIORITY), PD_OK);
    EXPECT_TRUE(wait_for(&board()->arrived[1], 1));
    *page(0) = 4;
    EXPECT(probe(0, 0, 0), 4);
    EXPECT(probe(1, 1, 5), 5);
    EXPECT(*page(1), 5);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child.domain, 0, 0), PD_BUSY); /* two show it now */
    task_end(&child);
    return stop();
}

static const char *parts_of_one_memory_get_one_clone_with_a_name(void)
{
    uint32_t child = pd_slot_take();

    TRY(start());
    *page(0) = 1;
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, PAGES), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT, 0, 10, RIGHT_USE | RIGHT_WRITE, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT + 20 * PAGE_BYTES, 20, 10, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, child, 64), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child, 70, 0), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT + 20 * PAGE_BYTES, child, 70, 0), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child, 71, 0), PD_BAD_ADDRESS);
    EXPECT(pd_delete(child, 71), PD_BAD_CAPABILITY);
    EXPECT(pd_delete(child, 70), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT + 40 * PAGE_BYTES, 5, 1, RIGHT_USE, 0), PD_BUSY); /* page 5 is shown */
    EXPECT(pd_map(child, memory, AT + 40 * PAGE_BYTES, 40, 1, RIGHT_USE, 0), PD_BUSY);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, AT + 40 * PAGE_BYTES, 40, 1, RIGHT_USE, 0), PD_OK);
    EXPECT(*page(0), 1);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT + 40 * PAGE_BYTES, 1), PD_OK);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT + 20 * PAGE_BYTES, 10), PD_OK);
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, AT, 10), PD_OK);
    pd_slot_drop(memory);
    pd_kill(child);
    pd_slot_drop(child);
    return NULL;
}

static const char *bad_clones_are_refused(void)
{
    uint32_t child = pd_slot_take();
    uint64_t first, pages, protection;
    struct guest_service guest;

    TRY(start());
    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, child, 16), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT + PAGE_BYTES, child, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, 0, child, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, SLOT_SELF_DOMAIN, 0, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child, 0, 4), PD_BAD_ARGUMENT);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child, 70, CLONE_SHARE), PD_BAD_ARGUMENT);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, NO_SLOT, 0, 0), PD_BAD_CAPABILITY);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, memory, 0, 0), PD_WRONG_TYPE);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child, CAPABILITY_SLOTS, 0), PD_BAD_ARGUMENT);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, BOOT_INFO_ADDRESS, child, 0, CLONE_SHARE), PD_OK);
    EXPECT(pd_domain_mapping(child, 0, &first, &pages, &protection), PD_OK);
    EXPECT(first, BOOT_INFO_ADDRESS);
    EXPECT(pages, 1);
    EXPECT(protection, RIGHT_USE);
    EXPECT(pd_domain_mapping(child, 1, &first, &pages, &protection), PD_BAD_ARGUMENT);
    EXPECT(pd_domain_mapping(child, ~0ul, &first, &pages, &protection), PD_BAD_ARGUMENT);
    EXPECT(service_start(&guest, 0, 0, 20000), PD_OK);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, guest.domain, 0, 0), PD_BUSY);
    EXPECT(pd_clone_mapping(guest.domain, BOARD_ADDRESS, child, 0, CLONE_SHARE), PD_BUSY);
    service_stop(&guest);
    pd_kill(child);
    EXPECT(pd_clone_mapping(SLOT_SELF_DOMAIN, AT, child, 0, 0), PD_DEAD);
    pd_slot_drop(child);
    return stop();
}

const struct test clone_tests[] = {
    {"neither_sees_what_the_other_writes_afterwards", neither_sees_what_the_other_writes_afterwards},
    {"a_program_can_clone_itself_again_and_again", a_program_can_clone_itself_again_and_again},
    {"clones_of_clones_that_all_live_come_to_an_end", clones_of_clones_that_all_live_come_to_an_end},
    {"a_clone_is_made_of_a_clone", a_clone_is_made_of_a_clone},
    {"shared_memory_stays_shared", shared_memory_stays_shared},
    {"parts_of_one_memory_get_one_clone_with_a_name", parts_of_one_memory_get_one_clone_with_a_name},
    {"bad_clones_are_refused", bad_clones_are_refused},
    {NULL, NULL},
};
