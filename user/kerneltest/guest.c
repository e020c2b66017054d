/* SPDX-License-Identifier: MIT */
/* Rule: guest.h. The pragma keeps the compiler from vector registers, which services do not have. */
#pragma GCC target("general-regs-only")
#include "guest.h"

#include <abi/kernel.h>
#include <perdure/domain.h>
#include <perdure/notification.h>
#include <perdure/thread.h>

/* One delivery, or one reply, as the registers have it. */
struct delivery {
    uint64_t kind, word[4], transfer, selector;
};

static void reply(struct delivery *it, uint64_t flags, uint64_t result, uint64_t bytes)
{
    uint64_t check = flags & REPLY_CHECKED ? guest_check(result, bytes) : 0; /* calls come before registers are set */
    uint64_t rax = 1ull << REPLY_SYSCALL_BIT | flags, rdi = guest_damaged(result), rsi = 0, rdx = 0;
    register uint64_t r10 __asm__("r10") = 0;
    register uint64_t r8 __asm__("r8") = bytes;
    register uint64_t r9 __asm__("r9") = check;

    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rbx", "rcx", "r11", "memory");
    it->kind = rax;
    it->word[0] = rdi;
    it->word[1] = rsi;
    it->word[2] = rdx;
    it->word[3] = r10;
    it->transfer = r8;
    it->selector = r9;
}

static void pause_until(volatile uint64_t *flag)
{
    while (!*flag) {
        __asm__ volatile("pause");
    }
}

static uint64_t work(uint64_t instructions)
{
    uint64_t turns = instructions / 2;

    __asm__ volatile("1: decq %0\n\tjnz 1b" : "+r"(turns));
    return turns;
}

static volatile uint64_t *region(void)
{
    return (volatile uint64_t *)WINDOW_SSR;
}

static uint64_t sum_of_lent(void)
{
    const volatile uint8_t *bytes = (const volatile uint8_t *)WINDOW_LEND;
    uint64_t sum = 0;

    for (int index = 0; index < PAGE_BYTES; index++) {
        sum += bytes[index];
    }
    return sum;
}

static void fill_lent(uint64_t transfer, uint64_t value)
{
    volatile uint64_t *words = (volatile uint64_t *)WINDOW_LEND;
    uint64_t pages = transfer >> TRANSFER_LEND_SHIFT & TRANSFER_LEND_MASK;

    for (uint64_t index = 0; index < pages * PAGE_BYTES / 8; index++) {
        words[index] = value;
    }
}

static void fault_if_due(void)
{
    if (board()->fault) {
        board()->fault--;
        __asm__ volatile("ud2");
    }
}

static uint64_t nested(const struct delivery *it, uint64_t transfer, uint64_t base)
{
    struct pd_call call = {.word = {it->word[1], 0, 0, 0}, .transfer = transfer, .lend_base = base};
    int64_t status = pd_invoke(GUEST_INNER_SLOT, (uint32_t)it->word[0], &call);

    return status == PD_OK ? call.word[0] : (uint64_t)status;
}

/* Its own domain has to be in SLOT_SELF_DOMAIN. */
static uint64_t nested_made(const struct delivery *it)
{
    int64_t status = pd_map(SLOT_SELF_DOMAIN, GUEST_MEMORY_SLOT, GUEST_MADE_ADDRESS, 0, 1, RIGHT_USE | RIGHT_WRITE,
                            MAP_RESIDENT);

    return status == PD_OK ? nested(it, 1ul << TRANSFER_LEND_SHIFT | TRANSFER_LEND_OUT, GUEST_MADE_ADDRESS)
                           : (uint64_t)status;
}

static uint64_t answer(uint64_t binding, uint64_t value)
{
    return (uint64_t)pd_invoke_4(SLOT_SERVICE, SERVICE_ANSWER, binding, value, 0, 0);
}

static uint64_t make_message(uint64_t bytes, uint64_t value)
{
    volatile uint8_t *message = (volatile uint8_t *)WINDOW_MESSAGE;

    for (uint64_t index = 0; index < PAGE_BYTES; index++) {
        message[index] = (uint8_t)value; /* all of it: what is beyond must not travel */
    }
    return bytes;
}

/* A count of `parts` transactions for one call: all but the last ask for another. */
static uint64_t count_in_parts(uint64_t parts, uint64_t *flags)
{
    if (++region()[0] % parts) {
        *flags = REPLY_AGAIN;
    } else {
        fault_if_due();
    }
    return region()[0];
}

static uint64_t count_checked(uint64_t message_bytes, uint64_t *flags, uint64_t *bytes)
{
    *flags = REPLY_CHECKED;
    *bytes = message_bytes;
    return ++region()[0];
}

/* What the seed makes of a reply; bits that mean something more often than others. */
static uint64_t nonsense(uint64_t seed, uint64_t *flags, uint64_t *bytes)
{
    uint64_t value = seed * 0x9e3779b97f4a7c15u;

    *flags = value & 8 ? value >> 8 & 3 : value >> 8 & INT64_MAX;
    *bytes = value & 16 ? value >> 40 : (value >> 40 & 0x3fff) << (value >> 60);
    region()[value >> 32 & 15] = value;
    return value;
}

static uint64_t count_in_service_region(void)
{
    ++*(volatile uint64_t *)WINDOW_REGION;
    fault_if_due();
    return *(volatile uint64_t *)WINDOW_REGION;
}

static uint64_t hand_over(const struct delivery *it, uint64_t *flags, uint64_t *transfer)
{
    uint64_t operation = it->selector & 0xffff, result;

    if (operation == GUEST_FILL_DIRTY) {
        fill_lent(it->transfer, it->word[0]);
        fault_if_due();
        return 0;
    }
    if (operation == GUEST_KEEP_DEFER) {
        *flags = REPLY_DEFER;
        operation = GUEST_KEEP;
    }
    if (operation < GUEST_HANDOVER || operation > GUEST_HANDOVER_LAST) {
        return (uint64_t)-1;
    }
    result = guest_handover(operation, it->word, transfer);
    if (board()->hold) {
        pause_until(&board()->release);
    }
    fault_if_due();
    return result;
}

/* One call; *flags and *bytes are the reply's. */
static uint64_t serve(const struct delivery *it, uint64_t *flags, uint64_t *bytes)
{
    switch (it->selector & 0xffff) {
    case GUEST_ADD:
        return it->word[0] + it->word[1];
    case GUEST_HOLD:
        pause_until(&board()->release);
        return ++region()[0];
    case GUEST_COUNT:
        ++region()[0];
        fault_if_due();
        return region()[0];
    case GUEST_SET:
        region()[it->word[0]] = it->word[1];
        fault_if_due();
        return 0;
    case GUEST_CHECKED:
        return count_checked(it->word[0], flags, bytes);
    case GUEST_GET:
        return region()[it->word[0]];
    case GUEST_DEFER:
        *flags = REPLY_DEFER;
        return 0;
    case GUEST_ANSWER:
        return answer(it->word[0], it->word[1]);
    case GUEST_ANSWER_BOTH:
        answer(it->word[0], it->word[1]);
        return answer(it->word[0], it->word[2]);
    case GUEST_SUM:
        return sum_of_lent();
    case GUEST_FILL_LATE:
        pause_until(&board()->release);
        fill_lent(it->transfer, it->word[0]);
        board()->inner_done++;
        return 0;
    case GUEST_FILL:
        fill_lent(it->transfer, it->word[0]);
        return 0;
    case GUEST_MESSAGE:
        *bytes = make_message(it->word[0], it->word[1]);
        return 0;
    case GUEST_NESTED:
        return nested(it, it->transfer & ~(uint64_t)TRANSFER_MESSAGE_BYTES_MASK, WINDOW_LEND);
    case GUEST_NESTED_OWN:
        return nested(it, 1ul << TRANSFER_LEND_SHIFT | TRANSFER_LEND_OUT, GUEST_STACK_PAGE);
    case GUEST_NESTED_MADE:
        return nested_made(it);
    case GUEST_WORK:
        return work(it->word[0] * 1000);
    case GUEST_ALARM:
        return (uint64_t)pd_invoke_4(SLOT_SERVICE, SERVICE_ALARM, it->word[0], it->word[1], 0, 0);
    case GUEST_PARTS:
        return count_in_parts(it->word[0], flags);
    case GUEST_NONSENSE:
        return nonsense(it->word[0], flags, bytes);
    case GUEST_REGION:
        return count_in_service_region();
    default:
        return hand_over(it, flags, bytes);
    }
}

static _Noreturn void service_loop(void)
{
    struct delivery it;

    board()->starts++;
    board()->starts_before = board()->inner_done;
    guest_handover_started();
    if (board()->fault_start) {
        board()->fault_start--;
        __asm__ volatile("ud2");
    }
    reply(&it, 0, 0, 0);
    for (;;) {
        uint64_t flags = 0, bytes = 0, result = 0;

        board()->serving++;
        if (!(it.kind >> DELIVER_OWN_BIT)) {
            result = serve(&it, &flags, &bytes);
        } else if (it.kind == DELIVER_EVENT) {
            guest_handover_own(GUEST_OWN_EVENT, 0);
            fault_if_due();
            if (board()->event_reads) {
                board()->event_reads--;
                board()->scratch[0] = region()[0];
            }
            if (board()->event_lends) {
                it.word[0] = GUEST_FILL_LATE;
                it.word[1] = 77;
                nested(&it, 1ul << TRANSFER_LEND_SHIFT | TRANSFER_LEND_OUT, board()->event_lends);
            }
            board()->events |= it.word[0];
            board()->event_count++;
        } else {
            guest_handover_own(GUEST_OWN_UNBIND, it.selector >> INVOKE_OPERATION_SHIFT);
            fault_if_due();
            board()->unbinds++;
        }
        reply(&it, flags, result, bytes);
    }
}

_Noreturn void guest_service_fresh(uint64_t incarnation)
{
    (void)incarnation;
    service_loop();
}

_Noreturn void guest_service_recovered(uint64_t incarnation)
{
    (void)incarnation;
    board()->recoveries++;
    service_loop();
}

/* ---- threads ---- */

static _Noreturn void sleep_for_ever(void)
{
    uint64_t bits;

    for (;;) {
        pd_wait(GUEST_NEVER_SLOT, 1, 0, &bits);
        pd_invoke_4(SLOT_SELF_THREAD, THREAD_SLEEP_UNTIL, UINT64_MAX, 0, 0, 0);
    }
}

_Noreturn void guest_spin(uint64_t argument)
{
    for (;;) {
        board()->arrived[argument & 0xff]++;
    }
}

_Noreturn void guest_sleeper(uint64_t argument)
{
    board()->arrived[argument & 0xff]++;
    sleep_for_ever();
}

/* From which slot the index-th capability of a tree is derived. */
static uint32_t tree_parent(uint64_t shape, uint32_t root, uint32_t index)
{
    if (index == 0 || shape == TREE_WIDE) {
        return root;
    }
    return TREE_FIRST_SLOT + (shape == TREE_DEEP ? index - 1 : (index - 1) / 2);
}

_Noreturn void guest_reviser(uint64_t argument)
{
    uint64_t number = argument & 0xff, shape = argument >> 24;
    uint32_t root = argument >> 8 & 0xffff;
    int64_t status = PD_OK;

    while (status == PD_OK && !board()->release) {
        for (uint32_t index = 0; status == PD_OK && index < TREE_SLOTS; index++) {
            status = pd_copy(SLOT_SELF_DOMAIN, tree_parent(shape, root, index), SLOT_SELF_DOMAIN, TREE_FIRST_SLOT + index,
                             RIGHT_USE, 0);
        }
        board()->scratch[1] = 1;
        if (status == PD_OK) {
            status = pd_revoke(SLOT_SELF_DOMAIN, root);
        }
        board()->scratch[1] = 0;
        board()->arrived[number]++;
    }
    board()->status[number] = status;
    board()->inner_done = 1;
    sleep_for_ever();
}

_Noreturn void guest_waiter(uint64_t argument)
{
    uint64_t number = argument & 0xff, bits;

    for (;;) {
        board()->arrived[number]++;
        board()->status[number] = pd_wait((uint32_t)(argument >> 8), 1, 0, &bits);
        board()->order[board()->ordered++ % BOARD_ENTRIES] = number;
    }
}

_Noreturn void guest_exit(uint64_t argument)
{
    (void)argument;
    pd_exit(7);
}

_Noreturn void guest_write_code(uint64_t argument)
{
    (void)argument;
    *(volatile uint64_t *)(uintptr_t)guest_exit = 0;
    pd_exit(1);
}

_Noreturn void guest_run_data(uint64_t argument)
{
    (void)argument;
    board()->scratch[0] = 0x0b0f; /* ud2, were it executable */
    ((void (*)(void))(uintptr_t)board()->scratch)();
    pd_exit(1);
}

_Noreturn void guest_delete_self(uint64_t argument)
{
    pause_until(&board()->scratch[0]);
    board()->arrived[argument & 0xff]++;
    pd_delete(SLOT_SELF_DOMAIN, (uint32_t)board()->scratch[0]);
    board()->arrived[argument & 0xff]++; /* not reached */
    sleep_for_ever();
}

_Noreturn void guest_make_domain(uint64_t argument)
{
    board()->status[argument & 0xff] = pd_create_domain(SLOT_SELF_DOMAIN, (uint32_t)board()->scratch[0], 128);
    board()->arrived[argument & 0xff]++;
    sleep_for_ever();
}

_Noreturn void guest_set_priority(uint64_t argument)
{
    pd_create_sched_context(SLOT_SELF_DOMAIN, (uint32_t)board()->scratch[0]);
    board()->status[argument & 0xff] = pd_invoke_4((uint32_t)board()->scratch[0], SCHED_CONTEXT_SET, argument >> 8, 0, 0, 0);
    board()->arrived[argument & 0xff]++;
    sleep_for_ever();
}

_Noreturn void guest_release_later(uint64_t argument)
{
    pd_sleep_until(board()->scratch[5]);
    board()->release = 1;
    board()->arrived[argument & 0xff]++;
    sleep_for_ever();
}

_Noreturn void guest_prober(uint64_t argument)
{
    for (uint64_t turn = board()->probe.turn;; turn++) {
        volatile uint64_t *place;

        board()->arrived[argument & 0xff]++;
        while (board()->probe.turn == turn) {
            __asm__ volatile("pause");
        }
        place = (volatile uint64_t *)board()->probe.address;
        if (board()->probe.write) {
            *place = board()->probe.value;
        }
        board()->probe.value = *place;
    }
}

_Noreturn void guest_writer(uint64_t argument)
{
    for (;;) {
        board()->arrived[argument & 0xff]++;
        *(volatile uint64_t *)BUFFER_ADDRESS = board()->arrived[argument & 0xff];
    }
}

_Noreturn void guest_sender(uint64_t argument, uint64_t message)
{
    uint64_t number = argument & 0xff, source = argument >> 32 & 0xffff, offered = board()->scratch[2];
    volatile struct capability_transfer *list = (volatile struct capability_transfer *)(message + MESSAGE_CAPABILITIES_OFFSET);
    struct pd_call call = {.word = {board()->scratch[3], board()->scratch[4], board()->scratch[5], 0}};

    if (source) {
        list->slot = (uint16_t)source;
        list->rights = RIGHT_WRITE | RIGHT_GRANT;
        list->flags = argument >> 48 & 1;
        list->badge = 0;
        call.transfer = 1ul << TRANSFER_SEND_SHIFT;
    }
    if (offered) {
        call.transfer |= 1ul << TRANSFER_RECEIVE_SHIFT | offered << TRANSFER_RECEIVE_SLOT_SHIFT;
    }
    board()->arrived[number] = 1;
    board()->status[number] = pd_invoke(argument >> 8 & 0xffff, argument >> 24 & 0xff, &call);
    board()->word[number] = call.word[0];
    board()->order[number] = call.transfer;
    board()->arrived[number] = 2;
    sleep_for_ever();
}

_Noreturn void guest_caller(uint64_t argument)
{
    uint64_t number = argument & 0xff, pages = argument >> 32 & 0xff;
    uint64_t transfer = pages ? pages << TRANSFER_LEND_SHIFT |
                                    (argument >> 40 & GUEST_CALL_OUT ? TRANSFER_LEND_OUT : TRANSFER_LEND_IN)
                              : 0;
    struct pd_call call = {.word = {argument >> 48, board()->scratch[1], 0, 0}, .transfer = transfer, .lend_base = BUFFER_ADDRESS};

    if (argument >> 40 & GUEST_CALL_MESSAGE) {
        call.transfer |= 8;
    }
    board()->arrived[number] = 1;
    board()->status[number] = pd_invoke(argument >> 8 & 0xffff, argument >> 24 & 0xff, &call);
    board()->word[number] = call.word[0];
    board()->order[board()->ordered++ % BOARD_ENTRIES] = number;
    board()->arrived[number] = 2;
    sleep_for_ever();
}
