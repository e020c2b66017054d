/* SPDX-License-Identifier: MIT */
/* The kernel as one service sees it (service_host.h). */
#include "service_host.h"

#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/manifest.h"
#include "tests/unit/fs_host/ranges.h"

#pragma clang section bss = "" data = "" /* what follows is the host's, and outlives an incarnation (server_memory.h) */

#define SSR_BYTES 4096
#define REGION_BYTES 65536
#define MEMORY_OF_ALL (HOST_CLIENTS * SSR_BYTES + REGION_BYTES)
#define VARIABLES_BYTES (1u << 20)
#define OPEN_SSRS 8
#define ALARMS 4 /* of one settling: a short period is always due */
#define ROUNDS 100000 /* more transactions than anything here needs */

struct binding {
    bool bound;
    bool deferred;
    uint32_t operation;
    uint64_t words[4];
    uint8_t kept[BINDING_CAPABILITIES]; /* OBJECT_* */
};

struct state {
    struct binding bindings[HOST_CLIENTS + 1];
    uint64_t alarm_ns, alarm_bits;
    uint8_t memory[MEMORY_OF_ALL]; /* the service region, then the SSRs one behind the other */
};

/* A scheduling context that a client has left. No crash takes back what was done to it. */
struct context {
    uint64_t priority, budget_us, period_us, background, consumed_ns;
};

#define CLIENT_PRIORITY 10

int64_t host_result;

static const struct manifest_service *service;
static struct state committed, working;
static struct fuzz_input *devices;
static uint64_t now_ns, signals;
static jmp_buf crash_point;
static uint32_t crash_in;

/* Of the transaction that runs. */
static enum { STARTING, CALL, EVENT, UNBIND } kind;
static uint32_t caller, open_binding, opened;
static uint8_t arrived[CALL_CAPABILITIES], used[USED_PLACES];
static struct context contexts[HOST_CLIENTS + 1][BINDING_CAPABILITIES], *used_contexts[USED_PLACES];

/* ---- The server's memory ---- */

extern uint8_t __start_server_data[] __attribute__((weak)), __stop_server_data[] __attribute__((weak));
extern uint8_t __start_server_bss[] __attribute__((weak)), __stop_server_bss[] __attribute__((weak));
static uint8_t loaded[VARIABLES_BYTES];

/* Byte by byte, since between the variables lie zones that nobody else may touch. */
__attribute__((no_sanitize("address"))) static void move(volatile uint8_t *to, const volatile uint8_t *from, size_t bytes)
{
    while (bytes--) {
        *to++ = from ? *from++ : 0;
    }
}

static void forget_memory(void)
{
    move(__start_server_data, loaded, (size_t)(__stop_server_data - __start_server_data));
    move(__start_server_bss, NULL, (size_t)(__stop_server_bss - __start_server_bss));
}

static void map_at(uintptr_t address, size_t bytes)
{
    fuzz_must(mmap((void *)address, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
              (void *)address);
}

void host_map(const char *name)
{
    for (uint32_t index = 0; index < MANIFEST_SERVICES; index++) {
        if (strcmp(manifest_services[index].name, name) == 0) {
            service = &manifest_services[index];
        }
    }
    fuzz_must(service && service->ssr_bytes <= SSR_BYTES && service->region_bytes <= REGION_BYTES);
    map_at(WINDOW_SSR, SSR_BYTES);
    map_at(WINDOW_REGION, REGION_BYTES);
    map_at(WINDOW_MESSAGE, MESSAGE_BYTES);
    map_at(WINDOW_LEND, LEND_PAGES * 4096);
    map_at(BOOT_INFO_ADDRESS, 4096);
    if (service->outbox_pages) {
        map_at(WINDOW_OUTBOX, service->outbox_pages * 4096ul);
    }
    *(struct boot_info *)BOOT_INFO_ADDRESS = (struct boot_info){.magic = BOOT_MAGIC, .tsc_hz = 1000000000};
    fuzz_must(__stop_server_data - __start_server_data <= VARIABLES_BYTES);
    move(loaded, __start_server_data, (size_t)(__stop_server_data - __start_server_data));
}

uint32_t host_operations(void)
{
    return service->operations;
}

/* ---- Transactions ---- */

static uint8_t *ssr_of(struct state *state, uint32_t binding)
{
    return state->memory + service->region_bytes + (binding - 1) * service->ssr_bytes;
}

static size_t state_bytes(void)
{
    return offsetof(struct state, memory) + service->region_bytes + HOST_CLIENTS * service->ssr_bytes;
}

static void close_ssr(void)
{
    if (open_binding) {
        fuzz_must(in_ranges((uint8_t *)WINDOW_SSR, service->ssr_ranges, service->ssr_range_count));
        memcpy(ssr_of(&working, open_binding), (void *)WINDOW_SSR, service->ssr_bytes);
    }
    open_binding = 0;
}

static void open_ssr(uint32_t binding)
{
    close_ssr();
    open_binding = binding;
    memcpy((void *)WINDOW_SSR, ssr_of(&working, binding), service->ssr_bytes);
}

static void begin(int what, uint32_t binding)
{
    memcpy(&working, &committed, state_bytes());
    kind = what;
    caller = binding;
    open_binding = opened = 0;
    memset(used, 0, sizeof used);
    memcpy((void *)WINDOW_REGION, committed.memory, service->region_bytes);
    if (binding) {
        open_ssr(binding);
    }
}

static void commit(void)
{
    close_ssr();
    fuzz_must(in_ranges((uint8_t *)WINDOW_REGION, service->region_ranges, service->region_range_count));
    memcpy(working.memory, (void *)WINDOW_REGION, service->region_bytes);
    memcpy(&committed, &working, state_bytes());
    crash_in = 0;
}

static void recover(void)
{
    memset(arrived, 0, sizeof arrived);
    crash_in = 0;
    forget_memory();
    begin(STARTING, 0);
    service_start_recovered();
    commit();
}

void host_start(struct fuzz_input *input)
{
    memset(&committed, 0, sizeof committed);
    madvise((void *)WINDOW_OUTBOX, service->outbox_pages * 4096ul, MADV_DONTNEED); /* zeros again */
    for (uint32_t client = 1; client <= HOST_CLIENTS; client++) {
        committed.bindings[client].bound = true;
    }
    devices = input;
    now_ns = 1000;
    signals = 0;
    memset(arrived, 0, sizeof arrived);
    forget_memory();
    begin(STARTING, 0);
    service_start_fresh();
    commit();
}

bool host_call(uint32_t client, uint32_t operation, const uint64_t words[4], const void *message, uint32_t message_bytes,
               const uint8_t kinds[CALL_CAPABILITIES], uint32_t crash_after)
{
    static uint32_t rounds;
    static bool crashed;
    struct request request;

    if (committed.bindings[client].deferred) {
        return false;
    }
    crashed = false;
    for (rounds = 0;; rounds++) {
        fuzz_must(rounds < ROUNDS);
        if (setjmp(crash_point) != 0) {
            crashed = true;
            recover();
        }
        memcpy(arrived, kinds, sizeof arrived);
        begin(CALL, client);
        request = (struct request){.operation = (uint16_t)operation, .binding = client, .message_bytes = (uint16_t)message_bytes};
        memcpy(request.words, words, sizeof request.words);
        memset((void *)WINDOW_MESSAGE, 0xee, MESSAGE_BYTES);
        memcpy((void *)WINDOW_MESSAGE, message, message_bytes);
        crash_in = crashed ? 0 : crash_after;
        host_result = service_call(&request);
        if (host_result != SERVICE_AGAIN) {
            break;
        }
        commit();
    }
    fuzz_must(host_result == SERVICE_DEFER || host_result > -4096);
    fuzz_must((request.reply_bytes & 0xffff) <= MESSAGE_BYTES);
    if (host_result == SERVICE_DEFER) {
        struct binding *binding = &working.bindings[client];

        binding->deferred = true;
        binding->operation = operation;
        memcpy(binding->words, words, sizeof binding->words);
    }
    commit();
    memset(arrived, 0, sizeof arrived);
    return true;
}

void host_signal(uint64_t bits)
{
    signals |= bits;
}

void host_settle(void)
{
    for (uint32_t rounds = 0;; rounds++) {
        uint64_t bits = signals;

        fuzz_must(rounds < ROUNDS); /* else it keeps itself busy for ever */
        if (rounds < ALARMS && committed.alarm_ns && committed.alarm_ns <= now_ns) {
            bits |= committed.alarm_bits;
            committed.alarm_ns = 0;
        }
        if (!bits) {
            return;
        }
        signals = 0;
        begin(EVENT, 0);
        service_event(bits);
        commit();
    }
}

void host_wait_ns(uint64_t nanoseconds)
{
    now_ns += nanoseconds;
}

void host_revoke(uint32_t client, uint32_t index)
{
    committed.bindings[client].kept[index] = 0;
}

void host_unbind(uint32_t client)
{
    struct request request = {.binding = client};

    committed.bindings[client].deferred = false; /* who has gone waits for nothing */
    begin(UNBIND, client);
    service_unbind(&request);
    commit();
    committed.bindings[client] = (struct binding){.bound = true};
    memset(ssr_of(&committed, client), 0, service->ssr_bytes);
}

void host_crash(void)
{
    recover();
}

/* ---- What the server asks ---- */

static int64_t enumerate(struct pd_call *call)
{
    uint32_t client = 1, mask = 0;

    for (uint64_t index = call->word[0]; client <= HOST_CLIENTS && (!working.bindings[client].bound || index > 0); client++) {
        index -= working.bindings[client].bound;
    }
    if (client > HOST_CLIENTS) {
        return PD_BAD_ARGUMENT;
    }
    for (uint32_t index = 0; index < BINDING_CAPABILITIES; index++) {
        mask |= (uint32_t)(working.bindings[client].kept[index] != 0) << index;
    }
    call->word[0] = client;
    call->word[1] = working.bindings[client].deferred ? BINDING_DEFERRED : 0;
    call->word[2] = client;
    call->word[3] = mask;
    return PD_OK;
}

static int64_t answer(struct binding *binding, const struct pd_call *call)
{
    if (!binding->deferred) {
        return PD_AGAIN;
    }
    fuzz_must((int64_t)call->word[1] > -4096 && (call->transfer & 0xffff) <= MESSAGE_BYTES);
    binding->deferred = false;
    return PD_OK;
}

static int64_t deferred(const struct binding *binding, struct pd_call *call)
{
    if (!binding->deferred) {
        return PD_AGAIN;
    }
    call->word[0] = binding->operation;
    memcpy(&call->word[1], binding->words, 3 * sizeof call->word[0]);
    return PD_OK;
}

static int64_t keep(const struct pd_call *call)
{
    fuzz_must(kind == CALL && call->word[0] < CALL_CAPABILITIES && call->word[1] < BINDING_CAPABILITIES);
    if (!arrived[call->word[0]]) {
        return PD_BAD_CAPABILITY;
    }
    working.bindings[caller].kept[call->word[1]] = arrived[call->word[0]];
    contexts[caller][call->word[1]] = (struct context){.priority = CLIENT_PRIORITY};
    return PD_OK;
}

static int64_t use(const struct binding *binding, const struct pd_call *call)
{
    fuzz_must(call->word[1] < BINDING_CAPABILITIES && call->word[2] < USED_PLACES);
    used_contexts[call->word[2]] = &contexts[call->word[0]][call->word[1]];
    used[call->word[2]] = binding->kept[call->word[1]];
    return used[call->word[2]] ? PD_OK : PD_BAD_CAPABILITY;
}

static int64_t open_one(uint32_t binding)
{
    fuzz_must(kind == STARTING || kind == EVENT);
    if (kind == EVENT && ++opened > OPEN_SSRS) {
        return PD_BUSY;
    }
    open_ssr(binding);
    return PD_OK;
}

/* What a server that works asks of its own service object; that it fails or locks a client away is never right here. */
static int64_t invoke_service(uint32_t operation, struct pd_call *call)
{
    struct binding *binding = &working.bindings[call->word[0] % (HOST_CLIENTS + 1)];

    switch (operation) {
    case SERVICE_ENUMERATE:
        return enumerate(call);
    case SERVICE_CLOSE_SSR:
        close_ssr();
        return PD_OK;
    case SERVICE_ALARM:
        working.alarm_ns = call->word[0];
        working.alarm_bits = call->word[1];
        return PD_OK;
    case SERVICE_KEEP:
        return keep(call);
    case SERVICE_USAGE:
        memset((void *)WINDOW_MESSAGE, 0, sizeof(struct service_usage));
        return PD_OK;
    default:
        break;
    }
    fuzz_must(operation != SERVICE_PANIC && operation != SERVICE_QUARANTINE);
    if (call->word[0] == 0 || call->word[0] > HOST_CLIENTS || !binding->bound) {
        return PD_BAD_ARGUMENT;
    }
    switch (operation) {
    case SERVICE_OPEN_SSR:
        return open_one((uint32_t)call->word[0]);
    case SERVICE_ANSWER:
        return answer(binding, call);
    case SERVICE_DEFERRED:
        return deferred(binding, call);
    case SERVICE_USE:
        return use(binding, call);
    case SERVICE_DROP:
        fuzz_must(call->word[1] < BINDING_CAPABILITIES);
        binding->kept[call->word[1]] = 0;
        return PD_OK;
    default:
        fuzz_must(!"an operation that a server makes");
        return PD_BAD_OPERATION;
    }
}

/* OBJECT_* of what is in the slot of a capability that came from a client or belongs to the service. */
static uint32_t type_of(uint32_t slot)
{
    if (slot >= SLOT_ARRIVED && slot < SLOT_ARRIVED + CALL_CAPABILITIES) {
        return kind == CALL ? arrived[slot - SLOT_ARRIVED] : 0;
    }
    if (slot >= SLOT_USED && slot < SLOT_USED + USED_PLACES) {
        return used[slot - SLOT_USED];
    }
    return slot >= SLOT_IOPORT && slot < SLOT_IRQ ? OBJECT_IOPORT : OBJECT_NOTIFICATION;
}

/* A context of a client, or one that has just arrived. */
static struct context *context_of(uint32_t slot)
{
    static struct context fresh;

    fresh = (struct context){.priority = CLIENT_PRIORITY};
    return slot >= SLOT_USED ? used_contexts[slot - SLOT_USED] : &fresh;
}

/* What it has used, and whether it could go on, is as the input says; the rest is what it was set to. */
static void invoke_context(struct context *context, uint32_t operation, struct pd_call *call)
{
    switch (operation) {
    case SCHED_CONTEXT_SET:
        *context = (struct context){call->word[0], call->word[1], call->word[2], call->word[3]};
        break;
    case SCHED_CONTEXT_SET_PRIORITY:
        context->priority = call->word[0];
        context->background = call->word[1];
        break;
    case SCHED_CONTEXT_BUDGET:
        call->word[2] = context->budget_us * 1000;
        call->word[3] = context->period_us * 1000;
        call->word[0] = fuzz_take(devices, 2) * 16 % (call->word[2] + 1);
        call->word[1] = now_ns + fuzz_take(devices, 2);
        break;
    default:
        context->consumed_ns += fuzz_take(devices, 3);
        *call = (struct pd_call){.word = {context->consumed_ns, context->priority, fuzz_take(devices, 1) & 1}};
    }
}

static int64_t invoke_object(uint32_t slot, uint32_t operation, struct pd_call *call)
{
    uint32_t type = type_of(slot);

    if (!type) {
        return PD_BAD_CAPABILITY;
    }
    if (operation == OBJECT_IDENTIFY) {
        *call = (struct pd_call){.word = {type, RIGHT_ALL, 0}};
        return PD_OK;
    }
    if (type == OBJECT_IOPORT && operation == IOPORT_OUT_STRING) {
        fuzz_must(call->word[1] <= MESSAGE_BYTES);
        memset((void *)WINDOW_MESSAGE, 0, call->word[1]);
    } else if (type == OBJECT_SCHED_CONTEXT) {
        invoke_context(context_of(slot), operation, call);
    } else {
        for (uint32_t index = 0; index < 4; index++) {
            call->word[index] = fuzz_take(devices, index == 0 ? 8 : 2);
        }
    }
    return PD_OK;
}

int64_t pd_invoke(uint32_t slot, uint32_t operation, struct pd_call *call)
{
    if (crash_in && --crash_in == 0) {
        longjmp(crash_point, 1);
    }
    if (slot == SLOT_SERVICE) {
        return invoke_service(operation, call);
    }
    if (slot == SLOT_NOTIFICATION && operation == NOTIFICATION_SIGNAL) {
        signals |= call->word[0];
        return PD_OK;
    }
    if (slot == SLOT_SELF_THREAD && operation == THREAD_LOG) {
        return PD_OK;
    }
    return invoke_object(slot, operation, call);
}

/* Time passes by itself, too: each look at the clock takes some. */
uint64_t pd_ticks(void)
{
    return now_ns += 100;
}
