/* SPDX-License-Identifier: MIT */
/* The kernel and the block service of the build machine (fs_host.h). */
#define _GNU_SOURCE 1
#include "fs_host.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "abi/blk.h"
#include "fs_disk.h"
#include "ranges.h"
#include "servers/common/server.h"
#include "servers/fs/fs.h"

#define OUTBOX_BYTES (2u << 20)

struct host_plan host_plan;
struct host_counts host_counts;
struct host_reply host_reply;
sigjmp_buf host_power_cut;
bool host_power_is_off;

static struct fs_ssr committed_ssr[HOST_CLIENTS];
static bool bound[HOST_CLIENTS];
static bool quarantined[HOST_CLIENTS];
static struct fs_region committed_region;
static int64_t ssr_open = -1; /* client whose SSR is in the window */

static sigjmp_buf crash_point;
static volatile bool in_server;       /* the server's code is running, and may crash */
static uint64_t calls_to_crash;
static uint64_t blocks_to_crash;
static volatile uint64_t steps_to_crash; /* 0 if the processor does not single-step */
static uint64_t clock_s = 1700000000;

/* ---- Crashes ---- */

__attribute__((no_sanitize_coverage)) static void set_trap_flag(bool on)
{
    if (on) {
        __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
    } else {
        __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
    }
}

/* The host's own code does not crash: it leaves the server at its beginning and comes back to it at its end. */
static bool leave_server(void)
{
    bool was_in_server = in_server;

    if (steps_to_crash != 0) {
        set_trap_flag(false);
    }
    in_server = false;
    return was_in_server;
}

static void enter_server(bool may_crash)
{
    in_server = may_crash;
    if (may_crash && steps_to_crash != 0) {
        set_trap_flag(true);
    }
}

__attribute__((noreturn)) static void crash(void)
{
    in_server = false;
    steps_to_crash = 0;
    siglongjmp(crash_point, 1);
}

#ifndef HOST_FUZZ /* libFuzzer has its own, and crashes come where an input says */
/* Called at each basic block of code that was compiled with -fsanitize-coverage=trace-pc. */
void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
    uint64_t steps = 0;

    if (!in_server || steps_to_crash != 0) {
        return;
    }
    host_counts.blocks++;
    if (blocks_to_crash != 0 && --blocks_to_crash == 0) {
        steps = 1 + host_below(60);
    } else if (host_counts.blocks == host_plan.crash_at_block) {
        steps = 1 + host_plan.crash_steps;
        blocks_to_crash = host_plan.crash_again_blocks;
    }
    if (steps != 0) {
        steps_to_crash = steps;
        set_trap_flag(true);
    }
}
#endif

static void on_trap(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    (void)context;
    if (in_server && --steps_to_crash == 0) {
        crash();
    }
}

static uint64_t random_distance(uint64_t average)
{
    return 1 + host_below(2 * average);
}

/* The server gets control, and crashes as planned. */
static void arm(void)
{
    if (blocks_to_crash == 0 && host_plan.crash_every_blocks != 0) {
        blocks_to_crash = random_distance(host_plan.crash_every_blocks);
    }
    if (calls_to_crash == 0 && host_plan.crash_every_calls != 0) {
        calls_to_crash = random_distance(host_plan.crash_every_calls);
    }
    enter_server(true);
}

static void disarm(void)
{
    leave_server();
    steps_to_crash = 0;
}

/* A clock of our own: it goes on now and then, also between two attempts at one call. */
static void let_time_pass(void)
{
    struct boot_info *boot = (struct boot_info *)BOOT_INFO_ADDRESS;
    static uint32_t calls;

    clock_s += ++calls % 40 == 0;
    boot->epoch_s = clock_s;
    boot->tsc_hz = UINT64_MAX;
}

void host_set_clock(uint64_t seconds)
{
    clock_s = seconds;
}

static void *map_at(uintptr_t address, size_t bytes)
{
    void *memory = mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    assert(memory == (void *)address);
    return memory;
}

static void map_windows(void)
{
    static bool done;
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};

    if (done) {
        return;
    }
    done = true;
    map_at(WINDOW_SSR, 4096);
    map_at(WINDOW_REGION, 4096);
    map_at(WINDOW_LEND, 64 * 4096);
    map_at(WINDOW_MESSAGE, 4096);
    map_at(WINDOW_OUTBOX, OUTBOX_BYTES);
    map_at(BOOT_INFO_ADDRESS, 4096);
    sigaction(SIGTRAP, &action, NULL);
}

/* ---- The server's memory and its transactions ---- */

static void forget_memory(void)
{
    memset(&fs, 0, sizeof(fs));
    memset(&fs_scratch, 0xa5 ^ (int)(host_random() & 0x5a), sizeof(fs_scratch));
}

static void begin(int64_t client)
{
    ssr_open = client;
    if (client >= 0) {
        memcpy((void *)WINDOW_SSR, &committed_ssr[client], sizeof(struct fs_ssr));
    }
    memcpy((void *)WINDOW_REGION, &committed_region, sizeof(committed_region));
}

static void commit(void)
{
    assert(in_ranges((uint8_t *)WINDOW_REGION, fs_region_ranges, FS_REGION_RANGES));
    if (ssr_open >= 0) {
        assert(in_ranges((uint8_t *)WINDOW_SSR, fs_ssr_ranges, FS_SSR_RANGES));
        memcpy(&committed_ssr[ssr_open], (void *)WINDOW_SSR, sizeof(struct fs_ssr));
    }
    memcpy(&committed_region, (void *)WINDOW_REGION, sizeof(committed_region));
    ssr_open = -1;
}

/* The server's start, as often as it takes. */
static void start_up(void (*start)(void))
{
    volatile int attempts = 0;

    if (sigsetjmp(crash_point, 1) != 0) {
        host_counts.crashes_in_recovery++;
        attempts++;
    }
    assert(attempts < 1000);
    forget_memory();
    begin(-1);
    let_time_pass();
    if (attempts < 3) {
        arm();
    }
    start();
    disarm();
    commit();
}

static void recover(void)
{
    host_counts.crashes++;
    start_up(service_start_recovered);
}

void host_crash_now(void)
{
    recover();
}

void host_restart(void)
{
    host_power_is_off = false;
    memset(committed_ssr, 0, sizeof(committed_ssr));
    memset(bound, 0, sizeof(bound));
    memset(quarantined, 0, sizeof(quarantined));
    memset(&committed_region, 0, sizeof(committed_region));
    memset((void *)WINDOW_OUTBOX, 0x5a, OUTBOX_BYTES);
    calls_to_crash = 0;
    blocks_to_crash = 0;
    steps_to_crash = 0;
    start_up(service_start_fresh);
}

static void start_fresh(void)
{
    map_windows();
    memset(&host_counts, 0, sizeof(host_counts));
    host_restart();
}

void host_start_with(const void *image, size_t bytes)
{
    disk_copy(image, bytes);
    start_fresh();
}

void host_start(const char *image)
{
    disk_load(image);
    start_fresh();
}

int64_t host_call(uint32_t client, uint32_t operation, const uint64_t words[4], const void *message,
                  uint32_t message_bytes, void *lent, uint32_t lent_bytes, uint32_t lent_flags)
{
    struct request request;
    volatile int attempts = 0;
    int64_t result;

    assert(client < HOST_CLIENTS && message_bytes <= 4096 && lent_bytes <= 64 * 4096);
    bound[client] = true;
    host_counts.calls++;
again:
    while (sigsetjmp(crash_point, 1) != 0) {
        attempts++;
        assert(attempts < 1000);
        recover();
        if (host_plan.poison_after != 0 && attempts >= (int)host_plan.poison_after) {
            return -PE_IO;
        }
    }
    begin(client);
    let_time_pass();
    memset(&request, 0, sizeof(request));
    request.operation = (uint16_t)operation;
    request.binding = client;
    request.message_bytes = (uint16_t)message_bytes;
    request.lent_pages = (uint8_t)((lent_bytes + 4095) / 4096);
    request.lent_flags = (uint8_t)lent_flags;
    memcpy(request.words, words, sizeof(request.words));
    memset((void *)WINDOW_MESSAGE, 0xee, 4096);
    if (message_bytes > 0) {
        memcpy((void *)WINDOW_MESSAGE, message, message_bytes);
    }
    if (lent_flags == REQUEST_LENT_IN) {
        memcpy((void *)WINDOW_LEND, lent, lent_bytes);
    } else if (lent_bytes > 0) {
        memset((void *)WINDOW_LEND, 0xdd, (size_t)request.lent_pages * 4096);
    }
    if (attempts < 20) {
        arm();
    }
    result = service_call(&request);
    disarm();
    commit();
    if (result == SERVICE_AGAIN) {
        attempts = 0;
        goto again;
    }
    memcpy(host_reply.word, request.reply, sizeof(host_reply.word));
    host_reply.bytes = request.reply_bytes;
    memcpy(host_reply.message, (void *)WINDOW_MESSAGE, request.reply_bytes);
    if (lent_flags == REQUEST_LENT_OUT) {
        memcpy(lent, (void *)WINDOW_LEND, lent_bytes);
    }
    return result;
}

bool host_transaction(uint32_t client, void (*body)(void))
{
    bound[client] = true;
    if (sigsetjmp(crash_point, 1) != 0) {
        recover();
        return false;
    }
    begin(client);
    let_time_pass();
    arm();
    body();
    disarm();
    commit();
    return true;
}

void host_unbind(uint32_t client)
{
    struct request request;
    volatile int attempts = 0;

    while (sigsetjmp(crash_point, 1) != 0) {
        attempts++;
        assert(attempts < 1000);
        recover();
    }
    begin(client);
    memset(&request, 0, sizeof(request));
    request.binding = client;
    if (attempts < 20) {
        arm();
    }
    service_unbind(&request);
    disarm();
    commit();
    bound[client] = false;
    quarantined[client] = false;
    memset(&committed_ssr[client], 0, sizeof(struct fs_ssr));
}

/* ---- What the server calls ---- */

_Noreturn void server_panic(uint64_t code)
{
    disarm();
    host_counts.panics++;
    if (!host_plan.panics_allowed && code != FS_PANIC_DOUBT && !(host_plan.poison_after && code == FS_PANIC_TWICE)) {
        fprintf(stderr, "unexpected panic %lx\n", (unsigned long)code);
        abort();
    }
    crash();
}

void server_log(const char *format, ...)
{
    bool may_crash = leave_server();
    va_list arguments;

    if (getenv("FS_TEST_LOG") != NULL) {
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
    }
    enter_server(may_crash);
}

int64_t service_enumerate(uint32_t index, struct service_binding *binding)
{
    bool may_crash = leave_server();
    uint32_t client = 0;

    while (client < HOST_CLIENTS && (!bound[client] || index-- > 0)) {
        client++;
    }
    if (client < HOST_CLIENTS) {
        binding->binding = client;
        binding->flags = quarantined[client] ? BINDING_QUARANTINED : 0;
        binding->badge = client;
    }
    enter_server(may_crash);
    return client < HOST_CLIENTS ? PD_OK : PD_BAD_ARGUMENT;
}

/* What recovery has written to the SSR and the region is committed when it closes them (server.h). */
static void commit_recovery_step(void)
{
    if (ssr_open >= 0) {
        memcpy(&committed_ssr[ssr_open], (void *)WINDOW_SSR, sizeof(struct fs_ssr));
        memcpy(&committed_region, (void *)WINDOW_REGION, sizeof(committed_region));
    }
    ssr_open = -1;
}

int64_t service_open_ssr(uint32_t binding)
{
    bool may_crash = leave_server();

    commit_recovery_step();
    ssr_open = binding;
    memcpy((void *)WINDOW_SSR, &committed_ssr[binding], sizeof(struct fs_ssr));
    enter_server(may_crash);
    return PD_OK;
}

int64_t service_close_ssr(void)
{
    bool may_crash = leave_server();

    commit_recovery_step();
    enter_server(may_crash);
    return PD_OK;
}

int64_t service_quarantine(uint32_t binding)
{
    quarantined[binding] = true;
    return PD_OK;
}

static int64_t serve_disk(uint32_t operation, const uint64_t *words, uint64_t lend_base)
{
    int64_t result = disk_serve(operation, words[0], words[1], (uint8_t *)lend_base);

    if (host_power_is_off) {
        disarm();
        siglongjmp(host_power_cut, 1);
    }
    return result;
}

struct service_result service_invoke(uint32_t slot, uint32_t operation, const uint64_t *words, uint64_t transfer,
                                     uint64_t lend_base)
{
    struct service_result result = {.status = PD_OK};
    bool may_crash = leave_server();

    assert(slot == SLOT_BLK);
    (void)transfer;
    if (operation == BLK_INFO) {
        result.words[1] = disk_sectors();
    } else if (may_crash && calls_to_crash != 0 && --calls_to_crash == 0) {
        if (host_below(2) == 0) {
            serve_disk(operation, words, lend_base); /* it happened, the reply did not come */
        }
        crash();
    } else {
        result.words[0] = (uint64_t)serve_disk(operation, words, lend_base);
    }
    enter_server(may_crash);
    return result;
}
