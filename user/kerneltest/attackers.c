/* SPDX-License-Identifier: MIT */
/*
 * Programs that mean harm, and the honest one beside them. Rule: guest.h; each does one thing for ever, as fast as it can, in
 * a domain of its own, with what hostile.c gives to every program: its domain, its thread, a binding to rng and the
 * capability to bind to it. arrived[] counts how often it has come round.
 */
#pragma GCC target("general-regs-only")
#include "attackers.h"

#include <abi/kernel.h>
#include <abi/rng.h>
#include <perdure/boot.h>
#include <perdure/domain.h>
#include <perdure/memory.h>
#include <perdure/notification.h>
#include <perdure/portal.h>
#include <perdure/service.h>
#include <perdure/thread.h>

#define OWN_SLOT 128 /* and above: what it makes */
#define OWN_ADDRESS 0x40000000ul
#define GROUP_PAGES 16
#define PRIORITY 5
#define FORGED_SLOTS 0x10000
#define MOMENT_NS 10000

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void delete_down_to(uint32_t slot)
{
    while (slot-- > OWN_SLOT) {
        pd_delete(SLOT_SELF_DOMAIN, slot);
    }
}

/* How much later than asked for it woke. */
static uint64_t sleep_a_moment(void)
{
    uint64_t bits, until_ns = pd_now_ns() + MOMENT_NS;

    pd_wait(ATTACKER_NOTIFICATION, 2, until_ns, &bits); /* nobody signals that bit */
    return pd_now_ns() - until_ns;
}

_Noreturn void honest_client(uint64_t argument)
{
    uint64_t number = argument & 0xff;

    for (;;) {
        struct pd_call seed = {.word = {HONEST_SEED, 0, 0, 0}}, draw = {.word = {1, 0, 0, 0}};
        uint64_t begin, worst = board()->word[number], late = sleep_a_moment();
        int64_t first, second;

        begin = pd_ticks();
        first = pd_invoke(ATTACKER_PORTAL, RNG_SEED, &seed);
        second = pd_invoke(ATTACKER_PORTAL, RNG_NEXT, &draw);
        begin = pd_ticks() - begin;
        board()->word[number] = begin > worst ? begin : worst;
        board()->order[number] = late > board()->order[number] ? late : board()->order[number];
        board()->status[number] += first != PD_OK || second != PD_OK || draw.word[1] != board()->scratch[HONEST_SCRATCH];
        board()->arrived[number]++;
    }
}

_Noreturn void attack_memory(uint64_t number)
{
    for (;; board()->arrived[number]++) {
        uint32_t slot = OWN_SLOT;
        uint64_t address = OWN_ADDRESS;

        while (pd_create_memory(SLOT_SELF_DOMAIN, slot, GROUP_PAGES, 0) == PD_OK &&
               pd_map(SLOT_SELF_DOMAIN, slot, address, 0, GROUP_PAGES, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT) == PD_OK) {
            slot++;
            address += GROUP_PAGES * PAGE_BYTES;
        }
        while (address > OWN_ADDRESS) {
            address -= GROUP_PAGES * PAGE_BYTES;
            pd_unmap(SLOT_SELF_DOMAIN, address, GROUP_PAGES);
        }
        delete_down_to(slot + 1);
    }
}

_Noreturn void attack_capabilities(uint64_t number)
{
    for (;; board()->arrived[number]++) {
        uint32_t slot = OWN_SLOT, from = ATTACKER_NOTIFICATION;

        while (slot < CAPABILITY_SLOTS && pd_copy(SLOT_SELF_DOMAIN, from, SLOT_SELF_DOMAIN, slot, RIGHT_USE, 0) == PD_OK) {
            from = slot++; /* each derived from the one before */
        }
        pd_revoke(SLOT_SELF_DOMAIN, ATTACKER_NOTIFICATION);
    }
}

_Noreturn void attack_threads(uint64_t number)
{
    for (;; board()->arrived[number]++) {
        uint32_t slot = OWN_SLOT;

        while (pd_create_thread(SLOT_SELF_DOMAIN, slot, SLOT_SELF_DOMAIN) == PD_OK &&
               pd_create_sched_context(SLOT_SELF_DOMAIN, slot + 1) == PD_OK) {
            pd_sched_context_set(slot + 1, PRIORITY, 0, 0);
            pd_bind_sched_context(slot, slot + 1);
            pd_thread_start(slot, (uint64_t)guest_exit, OWN_ADDRESS, 0); /* has no stack, and would end the domain */
            pd_invoke_4(slot, THREAD_STOP, 0, 0, 0, 0);
            slot += 2;
        }
        delete_down_to(slot + 2);
    }
}

_Noreturn void attack_domains(uint64_t number)
{
    for (;; board()->arrived[number]++) {
        uint32_t slot = OWN_SLOT, payer = SLOT_SELF_DOMAIN;
        uint64_t pages = 256;

        while (pages && pd_create_domain(payer, slot, pages) == PD_OK) {
            payer = slot++;
            pages = pages * 3 / 4;
        }
        pd_kill(OWN_SLOT);
        delete_down_to(slot + 1);
    }
}

_Noreturn void attack_calls(uint64_t number)
{
    uint64_t random = number + 1;

    for (;; board()->arrived[number]++) {
        struct pd_call call = {.word = {next(&random) % 600, 0, 0, 0}};

        pd_invoke(ATTACKER_PORTAL, RNG_NEXT, &call);
        call = (struct pd_call){.word = {next(&random), next(&random), next(&random), next(&random)},
                                .transfer = next(&random) >> next(&random) % 64,
                                .lend_base = next(&random) % 4 ? BUFFER_ADDRESS : next(&random)};
        pd_invoke(ATTACKER_PORTAL, (uint32_t)next(&random) & 0xffff, &call);
    }
}

_Noreturn void attack_notifications(uint64_t number)
{
    uint64_t bits;

    for (;; board()->arrived[number]++) {
        pd_create_notification(SLOT_SELF_DOMAIN, OWN_SLOT);
        for (unsigned round = 0; round < 8; round++) {
            pd_signal(OWN_SLOT, UINT64_MAX);
            pd_signal(ATTACKER_NOTIFICATION, 1);
            pd_poll(OWN_SLOT, UINT64_MAX, &bits);
            pd_wait(OWN_SLOT, 1, 1, &bits);
        }
        pd_delete(SLOT_SELF_DOMAIN, OWN_SLOT);
    }
}

_Noreturn void attack_bindings(uint64_t number)
{
    for (;; board()->arrived[number]++) {
        uint32_t slot = OWN_SLOT;
        uint64_t binding;

        while (pd_service_bind(ATTACKER_SERVICE, SLOT_SELF_DOMAIN, slot, 0, &binding) == PD_OK) {
            struct pd_call call = {.word = {1, 0, 0, 0}};

            pd_invoke(slot++, RNG_NEXT, &call);
        }
        delete_down_to(slot);
    }
}

_Noreturn void attack_slots(uint64_t number)
{
    uint64_t random = number + 77;

    for (;; board()->arrived[number]++) {
        for (uint32_t slot = ATTACKER_LAST_SLOT + 1; slot < FORGED_SLOTS; slot += 1 + next(&random) % 64) {
            struct pd_call call = {.word = {next(&random) % CAPABILITY_SLOTS, next(&random) % 64, 0, 0}};

            pd_invoke(slot, next(&random) & 31, &call);
            pd_delete(SLOT_SELF_DOMAIN, slot);
        }
    }
}

/* Any registers at all, reply among them. It may well end itself, or its thread. */
_Noreturn void attack_registers(uint64_t number)
{
    uint64_t random = number + 4711;

    for (;; board()->arrived[number]++) {
        register uint64_t r10 __asm__("r10") = next(&random) >> next(&random) % 64;
        register uint64_t r8 __asm__("r8") = next(&random) >> next(&random) % 64;
        register uint64_t r9 __asm__("r9") = next(&random) >> next(&random) % 64;
        uint64_t rax = next(&random) >> next(&random) % 64, rdi = next(&random) % 200, rsi = next(&random) % 200,
                 rdx = next(&random) >> next(&random) % 64;

        __asm__ volatile("syscall"
                         : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                         :
                         : "rcx", "r11", "memory");
    }
}

_Noreturn void attack_lending(uint64_t number)
{
    static const uint64_t places[] = {0, PROGRAM_BASE, OWN_ADDRESS, BOARD_ADDRESS, WINDOW_SSR, WINDOW_REGION, WINDOW_LEND,
                                      WINDOW_MESSAGE, WINDOW_OUTBOX, BOOT_INFO_ADDRESS, USER_ADDRESS_LIMIT - PAGE_BYTES,
                                      USER_ADDRESS_LIMIT, 0x0000800000000000, 0xffff800000000000, 0xffffffff80000000};

    for (;; board()->arrived[number]++) {
        for (unsigned index = 0; index < sizeof places / sizeof places[0]; index++) {
            struct pd_call in = {.word = {1, 0, 0, 0}, .transfer = pd_transfer_lend_in(1 + index % 3), .lend_base = places[index]};
            struct pd_call out = in;

            pd_invoke(ATTACKER_PORTAL, RNG_NEXT, &in);
            out.transfer = pd_transfer_lend_out(1 + index % 5);
            pd_invoke(ATTACKER_PORTAL, RNG_NEXT, &out);
        }
    }
}

_Noreturn void touch_address(uint64_t argument)
{
    volatile uint64_t *place = (volatile uint64_t *)board()->scratch[TOUCH_SCRATCH];

    switch (argument & 0xff) {
    case TOUCH_READ:
        board()->scratch[TOUCH_SCRATCH + 1] = *place;
        break;
    case TOUCH_WRITE:
        *place = 1;
        break;
    default:
        ((void (*)(void))(uintptr_t)place)();
    }
    pd_exit(0);
}

_Noreturn void call_again_and_again(uint64_t way)
{
    for (;;) {
        struct pd_call call = {.word = {8, 1, 0, 0}, .lend_base = BUFFER_ADDRESS};

        call.transfer = way == 0 ? 0 : way == 1 ? pd_transfer_lend_in(3) : way == 2 ? pd_transfer_lend_out(3) : 64;
        pd_invoke(ATTACKER_PORTAL, way == 1 ? GUEST_SUM : way == 2 ? GUEST_FILL : way == 3 ? GUEST_MESSAGE : GUEST_COUNT, &call);
    }
}

_Noreturn void use_what_is_revoked(uint64_t number)
{
    for (;; board()->arrived[number]++) {
        uint64_t type, rights, bits;
        int64_t status;

        if (pd_map(SLOT_SELF_DOMAIN, REVOKED_MEMORY, OWN_ADDRESS, 0, 1, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT) == PD_OK) {
            *(volatile uint64_t *)OWN_ADDRESS += 1; /* what is mapped stays, revoked or not */
            pd_unmap(SLOT_SELF_DOMAIN, OWN_ADDRESS, 1);
        }
        pd_copy(SLOT_SELF_DOMAIN, REVOKED_NOTIFICATION, SLOT_SELF_DOMAIN, OWN_SLOT, RIGHT_USE, 0);
        status = pd_wait(OWN_SLOT, 1, pd_now_ns() + 1000, &bits);
        board()->status[number] += status != PD_OK && status != PD_TIMEOUT && status != PD_BAD_CAPABILITY;
        pd_signal(REVOKED_NOTIFICATION, 1);
        pd_identify(OWN_SLOT, &type, &rights, &bits);
        pd_delete(SLOT_SELF_DOMAIN, OWN_SLOT);
    }
}
