/* SPDX-License-Identifier: MIT */
/*
 * One random call.
 *
 * Most are half-valid: a slot that holds something, an operation of its type, words that are small numbers, slots, page
 * addresses or extremes. The rest are random registers. Capabilities that the calls made are thrown away now and then.
 *
 * Rule: never made are calls whose right answer would be the end of this program or of the session, or a long wait. So the
 * slots of the calls' own never hold this program's domain, its thread or a portal; no thread or service is made in its
 * domain; nothing gets a priority above its own; waits have near deadlines; input is not read and the file system not
 * unmounted. Everything made lies in slots and addresses that nothing else uses.
 */
#include "abi/console.h"
#include "abi/fs.h"
#include "abi/manifest.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/service.h"
#include "user/fuzz/fuzz.h"

#define FIRST_SLOT 1024 /* what the calls make goes here and above; the C library uses those below */
#define SLOTS 64
#define FIRST_ADDRESS 0x500000000ul
#define ADDRESS_PAGES 4096
#define NEAR_NS 2000
#define PRIORITY_LIMIT 10 /* of what the calls make */
#define TIDY_EVERY 4096
#define MAPPED_MAXIMUM 256
#define NO_OPERATION 0xffff /* that no service has */

static uint64_t state;
static uint64_t calls;
static uint8_t lent[16 * PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static struct {
    uint64_t address;
    uint64_t pages;
} mapped[MAPPED_MAXIMUM];
static unsigned mapped_count;

static uint64_t next(void)
{
    uint64_t value = state += 0x9e3779b97f4a7c15u; /* splitmix64 */

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static uint64_t below(uint64_t limit)
{
    return next() % limit;
}

/* A slot of the calls' own. */
static uint64_t own_slot(void)
{
    return FIRST_SLOT + below(SLOTS);
}

static uint64_t any_slot(void)
{
    static const uint16_t known[] = {SLOT_SELF_DOMAIN, SLOT_SELF_THREAD,   SLOT_SCHED_CONTEXT, SLOT_CONSOLE, SLOT_FS,
                                     SLOT_RNG,         SLOT_BLK,           SLOT_SERVICE,       SLOT_NONE,    SLOT_BOOT_INFO,
                                     SLOT_PAYLOAD,     SLOT_SYSTEM_BUNDLE, SLOT_SERVICES + 2,  SLOT_SERVICES + 4};

    switch (below(8)) {
    case 0:
        return below(0x10000);
    case 1:
    case 2:
    case 3:
        return known[below(sizeof known / sizeof known[0])];
    default:
        return own_slot();
    }
}

static uint64_t own_address(void)
{
    return FIRST_ADDRESS + below(ADDRESS_PAGES) * PAGE_BYTES;
}

static uint64_t any_word(void)
{
    static const uint64_t extremes[] = {0,
                                        1,
                                        ~(uint64_t)0,
                                        (uint64_t)1 << 63,
                                        INT64_MAX,
                                        0xffffffff,
                                        0x100000000,
                                        USER_ADDRESS_LIMIT,
                                        USER_ADDRESS_LIMIT - PAGE_BYTES,
                                        0xffffffff80000000,
                                        0x0000800000000000,
                                        WINDOW_SSR,
                                        WINDOW_MESSAGE,
                                        WINDOW_OUTBOX,
                                        BOOT_INFO_ADDRESS};

    switch (below(7)) {
    case 0:
        return next();
    case 1:
        return extremes[below(sizeof extremes / sizeof extremes[0])];
    case 2:
        return own_address();
    case 3:
        return own_slot();
    case 4:
        return next() >> below(64);
    default:
        return below(20);
    }
}

static void fill_words(struct pd_call *call)
{
    for (unsigned index = 0; index < 4; index++) {
        call->word[index] = any_word();
    }
    call->transfer = any_word();
    call->lend_base = any_word();
}

/* Random bytes at the start of the message page. */
static void fill_message(void)
{
    uint64_t *message = (uint64_t *)WINDOW_MESSAGE;
    uint64_t words = below(16);

    for (uint64_t index = 0; index < words; index++) {
        message[index] = next();
    }
}

static void fill_transfer(struct pd_call *call)
{
    if (below(3) == 0) {
        return;
    }
    call->transfer = below(3) ? below(300) : below(0x2000);
    if (below(2)) {
        call->transfer |= below(20) << TRANSFER_LEND_SHIFT | (below(2) ? TRANSFER_LEND_IN : TRANSFER_LEND_OUT);
        call->lend_base = below(4) ? (uint64_t)lent : any_word();
    }
}

/*
 * Take out of a call to something in the calls' own slots what the rule above forbids. Own slots hold no portals, so
 * asking what they hold is safe.
 */
static void make_harmless(uint64_t slot, uint64_t operation, struct pd_call *call)
{
    uint64_t type = OBJECT_NONE;
    uint64_t rights;
    uint64_t badge;

    if (operation <= DOMAIN_COPY && call->word[0] == SLOT_SELF_DOMAIN) {
        call->word[0] = own_slot();
    }
    if ((operation == DOMAIN_CREATE_THREAD || operation == DOMAIN_CREATE_SERVICE) &&
        call->word[1] == SLOT_SELF_DOMAIN) {
        call->word[1] = own_slot();
    }
    if (operation == NOTIFICATION_WAIT || operation == SCHED_CONTEXT_SET) {
        pd_identify((uint32_t)slot, &type, &rights, &badge);
    }
    if (type == OBJECT_NOTIFICATION && operation == NOTIFICATION_WAIT) {
        call->word[1] = pd_now_ns() + NEAR_NS;
    }
    if (type == OBJECT_SCHED_CONTEXT && operation == SCHED_CONTEXT_SET && call->word[0] <= PRIORITY_MAXIMUM) {
        call->word[0] %= PRIORITY_LIMIT;
    }
}

/* What may be copied into the calls' own slots. */
static uint64_t copyable_slot(void)
{
    static const uint16_t known[] = {SLOT_SCHED_CONTEXT, SLOT_BOOT_INFO,    SLOT_PAYLOAD,
                                     SLOT_SYSTEM_BUNDLE, SLOT_SERVICES + 2, SLOT_SERVICES + 4};

    return below(2) ? own_slot() : known[below(sizeof known / sizeof known[0])];
}

/* Map into this program's own domain, and remember what has to be removed again. */
static int64_t map_call(struct pd_call *call)
{
    uint64_t address = call->word[1];
    uint64_t pages = call->word[3];
    int64_t status = pd_invoke(SLOT_SELF_DOMAIN, DOMAIN_MAP, call);

    if (status == PD_OK && mapped_count < MAPPED_MAXIMUM) {
        mapped[mapped_count].address = address;
        mapped[mapped_count++].pages = pages;
    }
    return status;
}

/* Bits, or a semaphore that is nearly empty or nearly full. */
static void fill_notification(struct pd_call *call)
{
    call->word[0] = below(8) ? own_slot() : any_slot();
    call->word[1] = below(8) ? below(2) : any_word();
    call->word[2] = !call->word[1] ? 0 : below(2) ? below(3) : SEMAPHORE_MAXIMUM - below(3);
}

static void fill_mapping(struct pd_call *call)
{
    call->word[0] = any_slot();
    call->word[1] = below(4) ? own_address() : any_word() | 1;
    call->word[2] = below(4) ? below(8) : any_word();
    call->word[3] = below(4) ? below(16) : any_word();
    call->transfer = below(9);
    call->lend_base = below(5);
}

static int64_t domain_call(void)
{
    uint64_t slot = below(2) ? SLOT_SELF_DOMAIN : own_slot();
    uint64_t operation = below(DOMAIN_OPERATIONS + 2);
    struct pd_call call;

    fill_words(&call);
    switch (operation) {
    case DOMAIN_EXIT:
    case DOMAIN_KILL:
    case DOMAIN_SET_EXIT_NOTIFICATION:
        slot = own_slot();
        break;
    case DOMAIN_CREATE_DOMAIN:
        call.word[0] = below(4) ? own_slot() : any_slot();
        call.word[1] = below(4) ? 16 + below(64) : any_word();
        break;
    case DOMAIN_CREATE_THREAD:
    case DOMAIN_CREATE_SCHED_CONTEXT:
    case DOMAIN_CREATE_MEMORY:
    case DOMAIN_CREATE_SERVICE:
        call.word[0] = below(8) ? own_slot() : any_slot();
        call.word[1] = below(2) ? own_slot() : any_word();
        break;
    case DOMAIN_CREATE_NOTIFICATION:
        fill_notification(&call);
        break;
    case DOMAIN_COPY:
        call.word[0] = copyable_slot();
        call.word[1] = below(2) ? SLOT_SELF_DOMAIN : own_slot();
        call.word[2] = own_slot();
        call.word[3] = below(RIGHT_ALL + 2);
        break;
    case DOMAIN_DELETE:
    case DOMAIN_REVOKE:
        call.word[0] = slot == SLOT_SELF_DOMAIN ? own_slot() : any_slot();
        break;
    case DOMAIN_MAP:
        fill_mapping(&call);
        break;
    case DOMAIN_UNMAP:
        call.word[0] = own_address();
        call.word[1] = below(32);
        break;
    default:
        break;
    }
    if (slot != SLOT_SELF_DOMAIN) {
        make_harmless(slot, operation, &call);
    } else if ((operation == DOMAIN_CREATE_THREAD || operation == DOMAIN_CREATE_SERVICE) &&
               call.word[1] == SLOT_SELF_DOMAIN) {
        call.word[1] = own_slot();
    }
    if (slot == SLOT_SELF_DOMAIN && operation == DOMAIN_MAP) {
        return map_call(&call);
    }
    return pd_invoke((uint32_t)slot, (uint32_t)operation, &call);
}

static int64_t portal_call(void)
{
    static const uint32_t portals[] = {SLOT_CONSOLE, SLOT_FS, SLOT_RNG};
    uint32_t slot = portals[below(3)];
    uint64_t operation = below(40);
    struct pd_call call;

    if ((slot == SLOT_CONSOLE && operation <= CONSOLE_OPERATIONS) || (slot == SLOT_FS && operation == FS_UNMOUNT)) {
        operation = 1000 + below(1000);
    }
    fill_words(&call);
    fill_message();
    fill_transfer(&call);
    if (slot == SLOT_FS && (operation == FS_SYNC || operation == FS_FSYNC) && below(64)) {
        operation = FS_ACCESS; /* write-back takes long */
    }
    return pd_invoke(slot, (uint32_t)operation, &call);
}

/* A program may end its own bindings, and does (SERVICE_UNBIND): whoever wants to go on binds again. */
static void bind_again(void)
{
    static const struct {
        uint32_t portal, service;
    } bound[] = {{SLOT_CONSOLE, SERVICE_NUMBER_CONSOLE}, {SLOT_FS, SERVICE_NUMBER_FS}, {SLOT_RNG, SERVICE_NUMBER_RNG}};

    for (unsigned index = 0; index < sizeof bound / sizeof bound[0]; index++) {
        struct pd_call probe = {0};
        uint64_t binding;

        if (pd_invoke(bound[index].portal, NO_OPERATION, &probe) == PD_DEAD) {
            pd_delete(SLOT_SELF_DOMAIN, bound[index].portal);
            pd_service_bind(SLOT_SERVICES + bound[index].service, SLOT_SELF_DOMAIN, bound[index].portal, 0, &binding);
        }
    }
}

/* Any object in the calls' own slots, and those of others that cannot hurt. */
static int64_t object_call(void)
{
    struct pd_call call;
    uint64_t slot = any_slot();
    uint64_t operation = below(30);
    int64_t status;

    fill_words(&call);
    if (slot == SLOT_SELF_DOMAIN || slot == SLOT_CONSOLE || slot == SLOT_FS || slot == SLOT_RNG) {
        return domain_call();
    }
    if (slot == SLOT_SELF_THREAD) {
        operation = OBJECT_IDENTIFY;
    }
    make_harmless(slot, operation, &call);
    status = pd_invoke((uint32_t)slot, (uint32_t)operation, &call);
    if (operation == SERVICE_UNBIND && status == PD_OK) {
        bind_again();
    }
    return status;
}

/* Operations on the own thread that come back soon. */
static int64_t thread_call(void)
{
    struct pd_call call;
    uint64_t operation = THREAD_YIELD + below(3);

    fill_words(&call);
    if (operation == THREAD_SLEEP_UNTIL) {
        call.word[0] = below(pd_now_ns() + NEAR_NS);
    }
    return pd_invoke(SLOT_SELF_THREAD, (uint32_t)operation, &call);
}

/*
 * Registers at random. Slots are those that hold nothing or the calls' own things; bit 63 of rax makes it the reply that
 * only a service's worker may use.
 */
static int64_t raw_call(void)
{
    uint64_t selector = (FIRST_SLOT + below(0x10000 - FIRST_SLOT)) | next() << INVOKE_OPERATION_SHIFT;
    struct pd_call call;
    int64_t status = (int64_t)(below(2) ? selector | (uint64_t)1 << 63 : selector & ~((uint64_t)1 << 63));
    register uint64_t word_3 __asm__("r10");
    register uint64_t transfer __asm__("r8");
    register uint64_t lend_base __asm__("r9");

    fill_words(&call);
    word_3 = call.word[3];
    transfer = call.transfer;
    lend_base = call.lend_base;
    __asm__ volatile("syscall"
                     : "+a"(status), "+D"(call.word[0]), "+S"(call.word[1]), "+d"(call.word[2]), "+r"(word_3),
                       "+r"(transfer), "+r"(lend_base)
                     :
                     : "rcx", "r11", "memory");
    return status;
}

/* Throw away what the calls made, so that quota and mappings do not run out for good. */
static void tidy(void)
{
    for (uint32_t slot = FIRST_SLOT; slot < FIRST_SLOT + SLOTS; slot++) {
        if (below(2)) {
            pd_delete(SLOT_SELF_DOMAIN, slot);
        }
    }
    while (mapped_count) {
        mapped_count--;
        pd_unmap(SLOT_SELF_DOMAIN, mapped[mapped_count].address, mapped[mapped_count].pages);
    }
}

void fuzz_start(uint64_t seed)
{
    state = seed;
    for (uint64_t index = 0; index < sizeof lent; index += PAGE_BYTES) {
        lent[index] = 1;
    }
}

int64_t fuzz_one_call(void)
{
    if (++calls % TIDY_EVERY == 0) {
        tidy();
    }
    switch (below(16)) {
    case 0:
        return portal_call();
    case 1:
        return thread_call();
    case 2:
    case 3:
    case 4:
        return raw_call();
    case 5:
    case 6:
    case 7:
    case 8:
        return object_call();
    default:
        return domain_call();
    }
}
