/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Killing a service from outside, for ever. Distances are drawn from the exponential distribution with mean EVERY, in
 * instructions of the service in normal operation (its starts and recoveries do not count and are not hit): every
 * instruction is as likely to be hit as any other, and a request of any length gets through now and then. A kill is
 * what a stray jump does: execution goes on at an address, drawn anew each time, where nothing is mapped.
 */
#include "observe.h"
#include "results.h"
#include "service.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STRAY_BASE 0x500000000000ull
#define STRAY_MASK 0x0fffffffffc0ull

static int target = SERVICE_NONE;
static uint64_t every_instructions;
static uint64_t random_state;
static uint64_t executed; /* of the target, in normal operation */
static uint64_t next_kill;
static bool kill_overdue; /* a kill was due but the service was not executing just then */
static uint64_t kill_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];

/* The kernel's entry for the target, in the host's view of guest memory; NULL until it is there. */
static const volatile struct service_view *target_view;
static unsigned block_offset; /* instructions from the block's start to the kill */

/* splitmix64 */
static uint64_t random_next(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15ull);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static void draw_next_kill(void)
{
    double share = (double)((random_next() >> 11) + 1) / (double)(1ull << 53); /* over 0, at most 1 */

    next_kill = executed + 1 + (uint64_t)(-log(share) * (double)every_instructions);
}

bool crash_configure(const char *events_path, int service, uint64_t every, uint64_t seed)
{
    target = service;
    every_instructions = every ? every : 1;
    random_state = seed;
    draw_next_kill();
    return events_open(events_path);
}

static void kill_here(void)
{
    struct service_view view;
    uint64_t rip = machine_register(REGISTER_RIP);

    if (machine_privilege() != 3 || service_of_address(rip) != target || !service_look(target, &view) ||
        view.stage != STAGE_RUNNING) {
        kill_overdue = true;
        return;
    }
    kill_overdue = false;
    draw_next_kill();
    events_write("crash %ld %#lx %u %u %lu\n", machine_time(), rip, view.serving_binding, view.incarnation, executed);
    machine_set_register(REGISTER_RIP, STRAY_BASE + (random_next() & STRAY_MASK));
}

static void kill_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    kill_here();
}

static void kill_due(void *argument)
{
    if (qemu.qemu_cpu_is_self(machine_cpu)) {
        kill_here();
    } else {
        qemu.async_run_on_cpu(machine_cpu, kill_work, argument);
    }
}

static bool crash_service_block(int service, unsigned instructions)
{
    if (service != target) {
        return false;
    }
    if (!target_view) {
        return true; /* an exact stop, to find it */
    }
    if (target_view->stage != STAGE_RUNNING) {
        return false;
    }
    executed += instructions;
    if (executed < next_kill && !kill_overdue) {
        return false;
    }
    block_offset = kill_overdue ? 0 : (unsigned)(next_kill + instructions - executed - 1);
    return true;
}

/* Exactly before a block of the target: either its entry is looked for, or the block holds the next kill. */
static void crash_entered(int service)
{
    if (!target_view) {
        target_view = service_locate(service);
    } else if (block_offset == 0) {
        kill_here();
    } else {
        qemu.timer_mod_ns(kill_timer, machine_time() + block_offset);
        next_kill = UINT64_MAX; /* drawn anew when the kill is done */
    }
}

static void crash_begin(void)
{
    qemu.timer_init_full(kill_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, kill_due, NULL);
}

const struct stop_handlers crash_handlers = {
    .begin = crash_begin,
    .verdict = events_write_verdict,
    .recovery = events_write_recovery,
    .service_block = crash_service_block,
    .entered = crash_entered,
};
