/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Killing services from outside, for ever. Distances are drawn from the exponential distribution with mean EVERY, in
 * instructions of each service in normal operation (its starts and recoveries do not count and are not hit): every
 * instruction is as likely to be hit as any other, and a request of any length gets through now and then. A kill is
 * what a stray jump does: execution goes on at an address, drawn anew each time, where nothing is mapped.
 *
 * A power cut ends the machine at a given point of virtual time, in the midst of whatever it does.
 */
#include "observe.h"
#include "results.h"
#include "service.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRAY_BASE 0x500000000000ull
#define STRAY_MASK 0x0fffffffffc0ull
#define SEED_STEP 0xd1342543de82ef95ull /* between services: each has numbers of its own */

static struct victim {
    bool wanted;
    bool overdue; /* a kill was due but the service was not executing just then */
    uint64_t random_state;
    uint64_t every;    /* mean distance of kills, in instructions */
    uint64_t executed; /* in normal operation */
    uint64_t next_kill;
    const volatile struct service_view *view; /* the kernel's entry, as the host sees it; NULL until it is there */
} victims[SERVICES_MAX];

static uint64_t kill_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];
static int timed = SERVICE_NONE; /* whose kill the timer is set for */
static unsigned block_offset;    /* instructions from the block's start to the kill */

static int64_t cut_ns; /* 0: never */
static uint64_t cut_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];

/* splitmix64 */
static uint64_t random_next(struct victim *victim)
{
    uint64_t z = (victim->random_state += 0x9e3779b97f4a7c15ull);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static void draw_next_kill(struct victim *victim)
{
    double share = (double)((random_next(victim) >> 11) + 1) / (double)(1ull << 53); /* over 0, at most 1 */

    victim->next_kill = victim->executed + 1 + (uint64_t)(-log(share) * (double)victim->every);
}

bool crash_configure(const char *events_path, const char *names, uint64_t every, uint64_t seed, int64_t cut)
{
    uint64_t state = seed;

    cut_ns = cut;
    while (names && *names) {
        char name[sizeof(((struct service_view *)0)->name)] = "";
        size_t length = strcspn(names, "+=");
        int service;

        memcpy(name, names, length < sizeof(name) ? length : sizeof(name) - 1);
        service = service_by_name(name);
        if (service == SERVICE_NONE) {
            fprintf(stderr, "fault injection: there is no service %s\n", name);
            return false;
        }
        names += length;
        if (*names == '=') {
            every = strtoull(names + 1, (char **)&names, 10);
        }
        victims[service].every = every ? every : 1;
        victims[service].wanted = true;
        victims[service].random_state = state;
        draw_next_kill(&victims[service]);
        state += SEED_STEP;
        names += *names == '+';
    }
    return events_open(events_path);
}

static void kill_here(int service)
{
    struct victim *victim = &victims[service];
    struct service_view view;
    uint64_t rip = machine_register(REGISTER_RIP);

    if (machine_privilege() != 3 || service_of_address(rip) != service || !service_look(service, &view) ||
        view.stage != STAGE_RUNNING) {
        victim->overdue = true;
        return;
    }
    victim->overdue = false;
    draw_next_kill(victim);
    events_write("crash %ld %#lx %u %u %lu %s\n", machine_time(), rip, view.serving_binding, view.incarnation,
                 victim->executed, service_name(service));
    machine_set_register(REGISTER_RIP, STRAY_BASE + (random_next(victim) & STRAY_MASK));
}

/* The kill that the timer was set for. */
static void kill_timed(void)
{
    int service = timed;

    timed = SERVICE_NONE;
    if (service != SERVICE_NONE) {
        kill_here(service);
    }
}

static void kill_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    kill_timed();
}

static void kill_due(void *argument)
{
    if (qemu.qemu_cpu_is_self(machine_cpu)) {
        kill_timed();
    } else {
        qemu.async_run_on_cpu(machine_cpu, kill_work, argument);
    }
}

static bool crash_service_block(int service, unsigned instructions)
{
    struct victim *victim = &victims[service];

    if (!victim->wanted) {
        return false;
    }
    if (!victim->view) {
        return true; /* an exact stop, to find it */
    }
    if (victim->view->stage != STAGE_RUNNING) {
        return false;
    }
    victim->executed += instructions;
    if (victim->executed < victim->next_kill && !victim->overdue) {
        return false;
    }
    block_offset = victim->overdue ? 0 : (unsigned)(victim->next_kill + instructions - victim->executed - 1);
    return true;
}

/* Exactly before a block of a victim: either its entry is looked for, or the block holds the next kill. */
static void crash_entered(int service)
{
    struct victim *victim = &victims[service];

    if (!victim->view) {
        victim->view = service_locate(service);
    } else if (block_offset == 0) {
        kill_here(service);
    } else {
        if (timed != SERVICE_NONE) {
            victims[timed].overdue = true; /* it was interrupted before its kill; its time has not come */
        }
        timed = service;
        qemu.timer_mod_ns(kill_timer, machine_time() + block_offset);
        victim->next_kill = UINT64_MAX; /* drawn anew when the kill is done */
    }
}

static void cut_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    events_write("cut %ld\n", machine_time());
    _exit(0);
}

static void cut_due(void *argument)
{
    qemu.async_run_on_cpu(machine_cpu, cut_work, argument);
}

static void crash_begin(void)
{
    qemu.timer_init_full(kill_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, kill_due, NULL);
    if (cut_ns > 0) {
        qemu.timer_init_full(cut_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, cut_due, NULL);
        qemu.timer_mod_ns(cut_timer, cut_ns);
    }
}

const struct stop_handlers crash_handlers = {
    .begin = crash_begin,
    .verdict = events_write_verdict,
    .recovery = events_write_recovery,
    .service_block = crash_service_block,
    .entered = crash_entered,
};
