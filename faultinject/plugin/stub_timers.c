/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers of the slow engine: they expire only while the machine is stopped. */
#include "qemu.h"
#include "stub_internal.h"

enum { TIMERS_MAX = 16 };

static struct timer {
    void *storage; /* by which the plugin names it */
    void (*handler)(void *);
    void *argument;
    int64_t due_ns; /* STUB_NEVER: not set */
} timers[TIMERS_MAX];
static unsigned timer_count;

static struct timer *timer_of(void *storage)
{
    for (unsigned i = 0; i < timer_count; i++) {
        if (timers[i].storage == storage) {
            return &timers[i];
        }
    }
    if (timer_count == TIMERS_MAX) {
        stub_fail("there are too many timers");
    }
    timers[timer_count] = (struct timer){.storage = storage, .due_ns = STUB_NEVER};
    return &timers[timer_count++];
}

static void timer_init(void *storage, void *list, int clock, int scale, int attributes, void (*handler)(void *),
                            void *argument)
{
    struct timer *timer = timer_of(storage);

    (void)list;
    (void)clock;
    (void)scale;
    (void)attributes;
    timer->handler = handler;
    timer->argument = argument;
}

static void timer_mod(void *storage, int64_t due_ns)
{
    timer_of(storage)->due_ns = due_ns;
}

static void timer_del(void *storage)
{
    timer_of(storage)->due_ns = STUB_NEVER;
}

int64_t stub_timers_due(void)
{
    int64_t due_ns = STUB_NEVER;

    for (unsigned i = 0; i < timer_count; i++) {
        due_ns = timers[i].due_ns < due_ns ? timers[i].due_ns : due_ns;
    }
    return due_ns;
}

void stub_timers_expire(int64_t due_ns)
{
    for (unsigned i = 0; i < timer_count; i++) {
        if (timers[i].due_ns == due_ns) {
            timers[i].due_ns = STUB_NEVER;
            timers[i].handler(timers[i].argument);
        }
    }
}

void stub_timers_take_over(void)
{
    qemu.timer_init_full = timer_init;
    qemu.timer_mod_ns = timer_mod;
    qemu.timer_del = timer_del;
}
