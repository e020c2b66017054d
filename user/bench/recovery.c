/* SPDX-License-Identifier: MIT */
/*
 * Recoveries as a caller sees them: from the fault to the reply of its call that ran again.
 *
 * A second thread of this program, above it in priority, wakes by the clock and kills the service in the midst of what it does;
 * the main thread calls all the while. The kernel's trace of each recovery gives the times.
 *
 * Rule: a recovery counts only if its trace ends with the reply to a call of this program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/manifest.h"
#include "abi/rng.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/portal.h"
#include "perdure/service.h"
#include "perdure/slots.h"
#include "perdure/thread.h"
#include "user/bench/bench.h"

#define RECOVERIES 64
#define ATTEMPTS 2000
#define OPEN_FILES 64
#define DIRECTORY "/bench.recovery"
#define KILLER_PRIORITY 25
#define KILLER_STACK_BYTES 8192
#define FIRST_DELAY_NS 3000000u
#define PHASE_TICKS 613 /* kills come at ticks of the clock: calls begin so much later each time, so that they fall on different places */

static uint8_t killer_stack[KILLER_STACK_BYTES] __attribute__((aligned(16)));
static volatile uint32_t victim;   /* slot of the service to kill, 0: nothing to do */
static volatile uint64_t kill_at_ns;
static volatile int kill_done;
static uint8_t block[4096] __attribute__((aligned(4096)));
static int files[OPEN_FILES];

/* The second thread, in slot `self`: it calls no C library function, for that belongs to the main thread. */
static _Noreturn void killer(uint64_t self)
{
    for (;;) {
        pd_invoke_4((uint32_t)self, THREAD_SLEEP_UNTIL, victim ? kill_at_ns : pd_now_ns() + FIRST_DELAY_NS, 0, 0, 0);
        if (victim && pd_now_ns() >= kill_at_ns) {
            pd_service_crash(victim);
            victim = 0;
            kill_done = 1;
        }
    }
}

static int start_killer(void)
{
    uint32_t thread = pd_slot_take();
    uint32_t sched_context = pd_slot_take();

    if (pd_create_thread(SLOT_SELF_DOMAIN, thread, SLOT_SELF_DOMAIN) != PD_OK ||
        pd_create_sched_context(SLOT_SELF_DOMAIN, sched_context) != PD_OK ||
        pd_sched_context_set(sched_context, KILLER_PRIORITY, 0, 0) != PD_OK ||
        pd_bind_sched_context(thread, sched_context) != PD_OK ||
        pd_thread_start(thread, (uint64_t)killer, (uint64_t)killer_stack + sizeof killer_stack - 8,
                        thread) != PD_OK) {
        errno = EIO;
        return bench_failed("recovery", "starting the second thread");
    }
    return 0;
}

static int call_rng(uint64_t iteration)
{
    struct pd_call call = {.word = {RNG_NUMBERS_MAXIMUM, 0, 0, 0}};

    (void)iteration;
    return pd_portal_call(SLOT_RNG, RNG_NEXT, &call) >= 0 ? 0 : -1;
}

static int call_fs(uint64_t iteration)
{
    return pread(files[iteration % OPEN_FILES], block, sizeof block, 0) == sizeof block ? 0 : -1;
}

/* Kill the service once while calling; the ticks of the recovery, 0 if no call of ours was running. */
static uint64_t one_recovery(uint32_t service, bench_operation *operation, uint64_t attempt)
{
    const struct recovery_record *record = pd_message();
    uint64_t began = pd_ticks();
    uint64_t turn = 0;

    kill_done = 0;
    kill_at_ns = pd_now_ns() + FIRST_DELAY_NS;
    victim = service;
    while (pd_ticks() < began + attempt * PHASE_TICKS) {
    }
    while (!kill_done) {
        if (operation(turn++) != 0) {
            return UINT64_MAX;
        }
    }
    if (pd_service_trace(service, 0) != PD_OK || record->t_fault < began || record->t_rerun == 0 ||
        record->t_replied < record->t_fault) {
        return 0;
    }
    return record->t_replied - record->t_fault;
}

static int measure(const char *name, uint32_t service, bench_operation *operation)
{
    static uint64_t samples[RECOVERIES];
    uint32_t count = 0;

    for (uint64_t attempt = 0; attempt < ATTEMPTS && count < RECOVERIES; attempt++) {
        uint64_t ticks = one_recovery(service, operation, attempt);

        if (ticks == UINT64_MAX) {
            return bench_failed(name, "a call of this program");
        }
        if (ticks) {
            samples[count++] = ticks;
        }
    }
    if (count < RECOVERIES) {
        errno = EAGAIN;
        return bench_failed(name, "too few kills fell into a call");
    }
    bench_report(name, samples, count);
    return 0;
}

static int open_files(void)
{
    char path[64];

    if (mkdir(DIRECTORY, 0755) != 0 && errno != EEXIST) {
        return bench_failed("recovery_fs", "making " DIRECTORY " (is there a disk?)");
    }
    for (int index = 0; index < OPEN_FILES; index++) {
        snprintf(path, sizeof path, DIRECTORY "/%d", index);
        files[index] = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (files[index] < 0 || write(files[index], block, sizeof block) != sizeof block) {
            return bench_failed("recovery_fs", "opening 64 files");
        }
    }
    return 0;
}

static void remove_files(void)
{
    char path[64];

    for (int index = 0; index < OPEN_FILES; index++) {
        snprintf(path, sizeof path, DIRECTORY "/%d", index);
        close(files[index]);
        unlink(path);
    }
    rmdir(DIRECTORY);
}

int bench_recovery(const char *wanted)
{
    int failures = 0;

    if (start_killer() != 0) {
        return 1;
    }
    if (bench_wanted(wanted, "recovery_rng")) {
        failures += measure("recovery_rng", SLOT_SERVICES + SERVICE_NUMBER_RNG, call_rng) != 0;
    }
    if (bench_wanted(wanted, "recovery_fs")) {
        failures += open_files() != 0 || measure("recovery_fs", SLOT_SERVICES + SERVICE_NUMBER_FS, call_fs) != 0;
        remove_files();
    }
    return failures;
}
