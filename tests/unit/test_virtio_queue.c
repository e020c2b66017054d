/* SPDX-License-Identifier: MIT */
/* The virtqueue against a device that does what the specification says, and against some that do not. */
/* sources: servers/blk/queue.c */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "servers/blk/queue.h"
#include "suite.h"

static struct queue_memory memory;
static struct queue queue;
static uint16_t device_seen;

static const struct queue_segment segments[3] = {
    {0x1000, 16, false},
    {0x2000, 512, true},
    {0x3000, 1, true},
};

static void begin(void)
{
    memset(&memory, 0xa5, sizeof(memory));
    device_seen = 0;
    queue_start(&queue, &memory);
}

/* What a device does: take the next available chain, check it, and use it. */
static void device_answers(uint32_t id)
{
    uint16_t slot = device_seen % QUEUE_ENTRIES;

    ck_assert_uint_ne(memory.available.index, device_seen);
    memory.used.ring[slot] = (struct queue_used_entry){.id = id, .bytes = 513};
    device_seen++;
    memory.used.index = device_seen;
}

START_TEST(start_leaves_an_empty_queue)
{
    begin();
    ck_assert_uint_eq(memory.available.index, 0);
    ck_assert_uint_eq(memory.used.index, 0);
    ck_assert_uint_eq(memory.available.flags, 1); /* no interrupts */
}
END_TEST

START_TEST(submit_lays_out_a_chain)
{
    begin();
    queue_submit(&queue, segments, 3);
    ck_assert_uint_eq(memory.available.index, 1);
    ck_assert_uint_eq(memory.available.ring[0], 0);
    ck_assert_uint_eq(memory.descriptors[0].address, 0x1000);
    ck_assert_uint_eq(memory.descriptors[0].bytes, 16);
    ck_assert_uint_eq(memory.descriptors[0].flags, 1);
    ck_assert_uint_eq(memory.descriptors[0].next, 1);
    ck_assert_uint_eq(memory.descriptors[1].flags, 3);
    ck_assert_uint_eq(memory.descriptors[1].next, 2);
    ck_assert_uint_eq(memory.descriptors[2].flags, 2);
    ck_assert_int_eq(queue_poll(&queue), QUEUE_WAITING);
    device_answers(0);
    ck_assert_int_eq(queue_poll(&queue), QUEUE_DONE);
}
END_TEST

START_TEST(indices_wrap)
{
    begin();
    for (uint32_t request = 0; request < 66000; request++) {
        uint16_t slot = (uint16_t)request % QUEUE_ENTRIES;

        memory.available.ring[slot] = 77;
        queue_submit(&queue, segments, 1 + request % 3);
        if (queue_poll(&queue) != QUEUE_WAITING || memory.available.ring[slot] != 0) {
            ck_abort_msg("request %u is not offered", request);
        }
        memory.used.ring[slot] = (struct queue_used_entry){.id = 0, .bytes = 513};
        memory.used.index++;
        if (queue_poll(&queue) != QUEUE_DONE) {
            ck_abort_msg("request %u is not done", request);
        }
    }
}
END_TEST

START_TEST(wrong_answers_are_noticed)
{
    begin();
    queue_submit(&queue, segments, 3);
    device_answers(1);
    ck_assert_int_eq(queue_poll(&queue), QUEUE_BROKEN);
    begin();
    queue_submit(&queue, segments, 3);
    memory.used.index = 2;
    ck_assert_int_eq(queue_poll(&queue), QUEUE_BROKEN);
    memory.used.index = 0xffff;
    ck_assert_int_eq(queue_poll(&queue), QUEUE_BROKEN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("virtio queue");
    TCase *test_case = tcase_create("queue");

    tcase_add_test(test_case, start_leaves_an_empty_queue);
    tcase_add_test(test_case, submit_lays_out_a_chain);
    tcase_add_test(test_case, indices_wrap);
    tcase_add_test(test_case, wrong_answers_are_noticed);
    suite_add_tcase(suite, test_case);
    return suite_run(suite);
}
