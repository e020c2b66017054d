/* SPDX-License-Identifier: MIT */
/*
 * Requests and replies with a check, of which one bit is wrong. The requests are to the random number service, whose loop is
 * that of every server; the replies are a test service's. Rule: harness.h.
 */
#include "harness.h"

#include <abi/rng.h>

#define SEED 7u
#define WORDS_BITS 256u
#define OPERATION_BITS 16u
#define TRANSFER_BITS 13u /* of a message's size; what lends pages must have them */
#define DAMAGES 4u        /* of replies: the lowest bit, two in between, the highest */

static uint64_t selector_of(uint32_t operation, const struct pd_call *call)
{
    return SLOT_RNG | (uint64_t)operation << INVOKE_OPERATION_SHIFT | pd_request_check(operation, call);
}

/* A request to seed the stream anew whose bit `bit` is changed after the check was made: what comes back. */
static int64_t seed_damaged(uint32_t bit)
{
    struct pd_call call = {.word = {~SEED, 0, 0, 0}};
    uint64_t selector = selector_of(RNG_SEED, &call);
    int64_t status;

    if (bit < WORDS_BITS) {
        call.word[bit / 64] ^= 1ul << bit % 64;
    } else if (bit < WORDS_BITS + TRANSFER_BITS) {
        call.transfer ^= 1ul << (bit - WORDS_BITS);
    } else if (bit < WORDS_BITS + TRANSFER_BITS + OPERATION_BITS) {
        selector ^= 1ul << (INVOKE_OPERATION_SHIFT + (bit - WORDS_BITS - TRANSFER_BITS));
    } else {
        selector ^= 1ul << (INVOKE_CHECK_SHIFT + (bit - WORDS_BITS - TRANSFER_BITS - OPERATION_BITS));
    }
    status = pd_invoke_selected(selector, &call);
    return status == PD_OK ? (int64_t)call.word[0] : status;
}

static int64_t draw(uint64_t *number)
{
    struct pd_call call = {.word = {1, 0, 0, 0}};
    int64_t result = pd_portal_call(SLOT_RNG, RNG_NEXT, &call);

    *number = call.word[1];
    return result;
}

static const char *a_request_that_differs_from_its_check_is_not_served(void)
{
    struct pd_call seed = {.word = {SEED, 0, 0, 0}};
    uint64_t expected, number;

    EXPECT(pd_portal_call(SLOT_RNG, RNG_SEED, &seed), 0);
    EXPECT(draw(&expected), 0);
    seed = (struct pd_call){.word = {SEED, 0, 0, 0}};
    EXPECT(pd_portal_call(SLOT_RNG, RNG_SEED, &seed), 0);
    for (uint32_t bit = 0; bit < WORDS_BITS + TRANSFER_BITS + OPERATION_BITS + INVOKE_CHECK_BITS; bit++) {
        EXPECT(seed_damaged(bit), -PE_IO);
    }
    EXPECT(draw(&number), 0);
    EXPECT(number, expected);
    return NULL;
}

static const char *no_check_makes_another_delivery_of_a_request(void)
{
    struct guest_service service;

    EXPECT(service_start(&service, 256, 0, 20000), PD_OK);
    for (uint64_t check = 0; check < 4; check++) {
        struct pd_call call = {.word = {5, check, 0, 0}};

        EXPECT(pd_invoke_selected(service.portal | GUEST_ADD << INVOKE_OPERATION_SHIFT | check << INVOKE_CHECK_SHIFT, &call), PD_OK);
        EXPECT(call.word[0], 5 + check);
    }
    EXPECT(board()->event_count, 0);
    EXPECT(board()->unbinds, 0);
    service_stop(&service);
    return NULL;
}

/* A reply with `bytes` bytes of a message that is damaged is not committed, and the call runs again. */
static const char *replies_are_checked(const struct guest_service *service, uint64_t bytes, uint64_t *count)
{
    static const uint64_t changes[DAMAGES] = {1, 1ul << 13, 1ul << 31, 1ul << 63};

    for (uint32_t index = 0; index < DAMAGES; index++) {
        struct task task;

        EXPECT(service_ask(service, GUEST_CHECKED, bytes, 0), ++*count);
        board()->damage = changes[index];
        board()->arrived[1] = 0;
        EXPECT(task_start(&task, guest_caller, GUEST_CALL(1, service->portal, GUEST_CHECKED, 0, 0, bytes), LOW_PRIORITY), PD_OK);
        EXPECT(service_bring_back(service), PD_OK);
        EXPECT_TRUE(wait_for(&board()->arrived[1], 2));
        EXPECT(board()->status[1], PD_OK);
        EXPECT(board()->word[1], ++*count);
        task_end(&task);
    }
    return NULL;
}

static const char *a_reply_that_differs_from_its_check_is_not_committed(void)
{
    struct guest_service service;
    uint64_t count = 0;

    EXPECT(service_start(&service, 256, 0, 20000), PD_OK);
    TRY(replies_are_checked(&service, 0, &count)); /* the fast path */
    TRY(replies_are_checked(&service, 8, &count));
    EXPECT(board()->recoveries, 2 * DAMAGES);
    service_stop(&service);
    return NULL;
}

const struct test check_tests[] = {
    {"a_request_that_differs_from_its_check_is_not_served", a_request_that_differs_from_its_check_is_not_served},
    {"no_check_makes_another_delivery_of_a_request", no_check_makes_another_delivery_of_a_request},
    {"a_reply_that_differs_from_its_check_is_not_committed", a_reply_that_differs_from_its_check_is_not_committed},
    {NULL, NULL},
};
