/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode "debug": the last fault of the plan, for a debugger. Those before it are put in on the way, without a stop. The
 * machine stops where the last is due, and says so with the line "stopped" in the report of events. It is put in as
 * the first thing when the machine goes on, by a step or otherwise, so the debugger sees the state that the fault finds.
 *
 * Rule: QEMU's main loop and its gdb stub stay alive, therefore nothing here ends the process; the guest
 * does.
 *
 * When a debugger stops the machine, QEMU takes the standing processor for an idle one and skips virtual time
 * up to the next timer. From the first stop on a timer is therefore never further away than GUARD_NS: a stop
 * moves the guest's clock by that at most, and no timer of the guest's comes early by more.
 */
#include "inject.h"
#include "observe.h"

#include <stdio.h>

enum { RUN_STATE_DEBUG_STOP = 0, GUARD_NS = 100 };

static uint64_t point_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];
static uint64_t guard_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];
static enum { ON_GOLDEN_PATH, STOPPED, FAULTY } progress;
static struct experiment_record debugged;
static unsigned position; /* in the plan */

bool debug_configure(const char *events_path)
{
    if (plan_count() == 0) {
        fprintf(stderr, "fault injection: the plan holds no experiment to be debugged\n");
        return false;
    }
    return events_path && events_open(events_path);
}

static void guard_due(void *argument)
{
    (void)argument;
    qemu.timer_mod_ns(guard_timer, machine_time() + (progress == FAULTY ? GUARD_NS : 1));
}

static void fault_put_in(void)
{
    debugged.rip = machine_register(REGISTER_RIP);
    inject(plan_experiment(position), &debugged);
}

static void point_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    if (position + 1 < plan_count()) {
        fault_put_in();
        qemu.timer_mod_ns(point_timer, plan_experiment(++position)->time_ns);
        return;
    }
    progress = STOPPED;
    guard_due(NULL);
    qemu.vm_stop(RUN_STATE_DEBUG_STOP);
    events_write("stopped %#lx\n", machine_register(REGISTER_RIP));
}

/* Always as queued work: the machine can be stopped between two instructions only. */
static void point_due(void *argument)
{
    (void)argument;
    qemu.async_run_on_cpu(machine_cpu, point_work, NULL);
}

static void fault_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    fault_put_in();
}

/* Queued work is done before the processor executes anything. */
static void state_changed(void *argument, bool runs, int state)
{
    (void)argument;
    (void)state;
    if (runs && progress == STOPPED) {
        progress = FAULTY;
        qemu.async_run_on_cpu(machine_cpu, fault_work, NULL);
    }
}

static void debug_begin(void)
{
    qemu.timer_init_full(point_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, point_due, NULL);
    qemu.timer_init_full(guard_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, guard_due, NULL);
    qemu.timer_mod_ns(point_timer, plan_experiment(position)->time_ns);
    qemu.qemu_add_vm_change_state_handler(state_changed, NULL);
}

static void debug_verdict(uint64_t code, uint64_t detail)
{
    events_write("verdict %lu %lu %ld\n", code, detail, machine_time());
}

const struct stop_handlers debug_handlers = {
    .begin = debug_begin,
    .verdict = debug_verdict,
    .recovery = events_write_recovery,
    .skips_idle = true,
    .follows_kernel_exits = true,
};
