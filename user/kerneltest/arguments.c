/* SPDX-License-Identifier: MIT */
/*
 * Every operation of every kernel object, with every word bad in every way: the table of operations is generated from
 * abi/kernel.toml, so that an operation that is added there is tried here.
 *
 * Rule: whatever is asked, the answer is OK or one that abi/kernel.toml names for this operation, and nothing is left behind.
 * The objects belong to a domain that is made for one operation and killed after it. Not made are calls whose right answer is
 * a wait.
 */
#include <stdio.h>

#include <abi/operations.h>

#include "harness.h"

#define KIT_QUOTA 512
#define KIT_SLOT 3000 /* of the kit's objects: plus OBJECT_*; this program uses none of them otherwise */
#define MADE_SLOT (KIT_SLOT + OBJECT_TYPES)
#define WORDS 6
#define ANY (1u << -PD_NO_RIGHT | 1u << -PD_DEAD) /* what rights lead to, and an object that is gone */

struct kit {
    struct guest_service service;
    uint64_t taken_before[CAPABILITY_SLOTS / 64]; /* slots of this program, one bit each */
};

/* Slots of each kind, sizes, addresses that are nobody's, the kernel's or a server's, and extremes. */
static const uint64_t bad_words[] = {
    0, 1, 2, 3, 5, 7, 8, 16, 31, 32, 64, 65, 127, 128, 255, 4095, PAGE_BYTES, 4097, 0x7fff, 0xffff, 0x10000,
    KIT_SLOT + OBJECT_DOMAIN, KIT_SLOT + OBJECT_THREAD, KIT_SLOT + OBJECT_SCHED_CONTEXT, KIT_SLOT + OBJECT_PORTAL,
    KIT_SLOT + OBJECT_NOTIFICATION, KIT_SLOT + OBJECT_MEMORY, KIT_SLOT + OBJECT_SERVICE, MADE_SLOT, MADE_SLOT + 1,
    CAPABILITY_SLOTS - 1, CAPABILITY_SLOTS, 0xffffffff, 0x100000000, 1ul << 52, 1ul << 63, INT64_MAX, UINT64_MAX,
    PROGRAM_BASE, 0x10000000, 0x10000001, BUFFER_ADDRESS, WINDOW_SSR, WINDOW_REGION, WINDOW_LEND, WINDOW_MESSAGE,
    WINDOW_OUTBOX, BOOT_INFO_ADDRESS, USER_ADDRESS_LIMIT, USER_ADDRESS_LIMIT - PAGE_BYTES, 0x0000800000000000,
    0xffff800000000000, 0xffffffff80000000, 0xffffffffffff0000,
};
#define BAD_WORDS (sizeof bad_words / sizeof bad_words[0])

static int is_taken(uint32_t slot)
{
    uint64_t type, rights, badge;

    return pd_identify(slot, &type, &rights, &badge) != PD_BAD_CAPABILITY;
}

/* One object of each type that a program can get hold of. */
static const char *kit_make(struct kit *kit)
{
    const uint32_t domain = KIT_SLOT + OBJECT_DOMAIN;

    *kit = (struct kit){0};
    for (uint32_t slot = 0; slot < CAPABILITY_SLOTS; slot++) {
        kit->taken_before[slot / 64] |= (uint64_t)is_taken(slot) << slot % 64;
    }
    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, domain, KIT_QUOTA), PD_OK);
    EXPECT(pd_create_thread(domain, KIT_SLOT + OBJECT_THREAD, domain), PD_OK);
    EXPECT(pd_create_sched_context(domain, KIT_SLOT + OBJECT_SCHED_CONTEXT), PD_OK);
    EXPECT(pd_create_notification(domain, KIT_SLOT + OBJECT_NOTIFICATION), PD_OK);
    EXPECT(pd_create_memory(domain, KIT_SLOT + OBJECT_MEMORY, 8, 0), PD_OK);
    EXPECT(service_make(&kit->service, 128, 128, 20000), PD_OK);
    EXPECT(service_launch(&kit->service), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, kit->service.service, SLOT_SELF_DOMAIN, KIT_SLOT + OBJECT_SERVICE, RIGHT_ALL, 0), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, kit->service.portal, SLOT_SELF_DOMAIN, KIT_SLOT + OBJECT_PORTAL, RIGHT_USE, 0), PD_OK);
    return NULL;
}

/* The kit goes, and whatever calls have put into other slots. */
static void kit_end(struct kit *kit)
{
    pd_kill(KIT_SLOT + OBJECT_DOMAIN);
    service_stop(&kit->service);
    for (uint32_t slot = 0; slot < CAPABILITY_SLOTS; slot++) {
        if (!(kit->taken_before[slot / 64] >> slot % 64 & 1) && is_taken(slot)) {
            pd_delete(SLOT_SELF_DOMAIN, slot);
        }
    }
}

/* The slots for what calls make are empty for the next one. */
static void drop_made(const uint64_t *words)
{
    for (unsigned index = 0; index < 3; index++) {
        if (words[index] >= MADE_SLOT && words[index] < CAPABILITY_SLOTS) {
            pd_delete(SLOT_SELF_DOMAIN, (uint32_t)words[index]);
        }
    }
}

static int would_wait(const struct kernel_operation *operation, const uint64_t *words)
{
    return operation->object == OBJECT_NOTIFICATION && operation->number == NOTIFICATION_WAIT &&
           (words[1] == 0 || words[1] > pd_now_ns());
}

/* NULL, or which answer is not one of the operation's. */
static const char *try(const struct kernel_operation *operation, uint32_t slot, const uint64_t *words)
{
    struct pd_call call = {.word = {words[0], words[1], words[2], words[3]}, .transfer = words[4], .lend_base = words[5]};
    int64_t status;

    if (would_wait(operation, words)) {
        return NULL;
    }
    status = pd_invoke(slot, operation->number, &call);
    drop_made(words);
    if (status == PD_OK || (status < 0 && status > -32 && (operation->errors | ANY) >> -status & 1)) {
        return NULL;
    }
    printf("%s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx): %s\n", operation->name, words[0], words[1], words[2], words[3], words[4],
           words[5], pd_status_text(status));
    return failure(__LINE__, operation->name, status, PD_OK);
}

/* The other words are all 0, or what often is right: slots that exist, then small numbers. */
static const uint64_t backgrounds[][WORDS] = {
    {0, 0, 0, 0, 0, 0},
    {MADE_SLOT, KIT_SLOT + OBJECT_DOMAIN, MADE_SLOT + 1, 1, 1, 1},
    {KIT_SLOT + OBJECT_MEMORY, 0x10000000, 0, 1, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT},
    {KIT_SLOT + OBJECT_NOTIFICATION, 1, 1, RIGHT_USE, 0, 0},
    {0x10000000, 1, SEGMENT_ZERO, 0, 0, 0},
};

/* Each word bad, and each two words bad. */
static const char *all_words_of(const struct kernel_operation *operation, uint32_t slot)
{
    const char *why = NULL;

    for (unsigned background = 0; background < sizeof backgrounds / sizeof backgrounds[0]; background++) {
        for (unsigned first = 0; first < operation->words || first == 0; first++) {
            for (unsigned value = 0; !why && value < BAD_WORDS; value++) {
                uint64_t words[WORDS];

                for (unsigned index = 0; index < WORDS; index++) {
                    words[index] = backgrounds[background][index];
                }
                words[first] = bad_words[value];
                why = try(operation, slot, words);
                for (unsigned other = 0; !why && other < BAD_WORDS && first + 1 < operation->words; other++) {
                    words[first + 1] = bad_words[other];
                    why = try(operation, slot, words);
                }
            }
        }
    }
    return why;
}

static int is_in_reach(uint8_t type)
{
    return type != OBJECT_NONE && type != OBJECT_SSR && type != OBJECT_IRQ && type != OBJECT_IOPORT;
}

static const char *every_operation_refuses_every_bad_word(void)
{
    const char *why = NULL;
    struct kit kit;

    for (unsigned index = 0; !why && index < KERNEL_OPERATIONS; index++) {
        const struct kernel_operation *operation = &kernel_operations[index];

        if (is_in_reach(operation->object)) {
            why = kit_make(&kit);
            why = why ? why : all_words_of(operation, KIT_SLOT + operation->object);
            kit_end(&kit);
        }
    }
    return why;
}

/* The machine's devices and the regions themselves are in no slot of a program. */
static const char *no_slot_holds_what_programs_do_not_get(void)
{
    uint64_t type, rights, badge;

    for (uint32_t slot = 0; slot < CAPABILITY_SLOTS; slot++) {
        if (pd_identify(slot, &type, &rights, &badge) == PD_OK) {
            EXPECT_TRUE(type != OBJECT_SSR && type != OBJECT_IRQ && type != OBJECT_IOPORT);
            EXPECT_TRUE(type != OBJECT_DOMAIN || !(rights & RIGHT_SUPERVISE));
        }
    }
    return NULL;
}

/* Every number that is no operation, and operations of other objects, on every object; and with no right at all. */
static const char *no_operation_is_done_that_does_not_exist_or_without_its_right(void)
{
    static const uint16_t last[OBJECT_TYPES] = {
        [OBJECT_DOMAIN] = DOMAIN_OPERATIONS, [OBJECT_THREAD] = THREAD_OPERATIONS,
        [OBJECT_SCHED_CONTEXT] = SCHED_CONTEXT_OPERATIONS, [OBJECT_NOTIFICATION] = NOTIFICATION_OPERATIONS,
        [OBJECT_MEMORY] = MEMORY_OPERATIONS, [OBJECT_SERVICE] = SERVICE_OPERATIONS};
    struct kit kit;
    const char *why = kit_make(&kit);

    for (uint32_t type = OBJECT_DOMAIN; !why && type < OBJECT_TYPES; type++) {
        const uint32_t slot = KIT_SLOT + type;

        if (!last[type]) {
            continue;
        }
        EXPECT(pd_copy(SLOT_SELF_DOMAIN, slot, SLOT_SELF_DOMAIN, MADE_SLOT, 0, 0), PD_OK);
        for (uint32_t number = last[type]; number < 0x10000; number += number < 300 ? 1 : 997) {
            EXPECT(pd_invoke_4(slot, number, 1, 1, 1, 1), PD_BAD_OPERATION);
        }
        for (unsigned index = 0; index < KERNEL_OPERATIONS; index++) {
            const struct kernel_operation *operation = &kernel_operations[index];

            if (operation->object == type && operation->rights) {
                EXPECT(pd_invoke_4(MADE_SLOT, operation->number, 0, 0, 0, 0), PD_NO_RIGHT);
            }
        }
        EXPECT(pd_delete(SLOT_SELF_DOMAIN, MADE_SLOT), PD_OK);
    }
    kit_end(&kit);
    return why;
}

const struct test argument_tests[] = {
    {"every_operation_refuses_every_bad_word", every_operation_refuses_every_bad_word},
    {"no_slot_holds_what_programs_do_not_get", no_slot_holds_what_programs_do_not_get},
    {"no_operation_is_done_that_does_not_exist_or_without_its_right",
     no_operation_is_done_that_does_not_exist_or_without_its_right},
    {NULL, NULL},
};
