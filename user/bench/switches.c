/* SPDX-License-Identifier: MIT */
/* A switch to another thread and back, each chosen by the scheduling service. Rule: the other thread runs on in between. */
#include <errno.h>

#include "perdure/domain.h"
#include "perdure/sched.h"
#include "perdure/slots.h"
#include "perdure/thread.h"
#include "user/bench/bench.h"

#define SELF 0
#define OTHER 1
#define STACK_BYTES 4096
#define SWITCHES 2000
#define SWITCHES_COUNTED 100

static uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));
static volatile uint64_t turns; /* of the other thread */

static _Noreturn void other(uint64_t argument)
{
    (void)argument;
    for (;;) {
        turns++;
        pd_sched_yield(OTHER);
    }
}

static int sched_switch(uint64_t iteration)
{
    uint64_t before = turns;

    (void)iteration;
    if (pd_sched_yield(SELF) == 0 && turns > before) {
        return 0;
    }
    errno = EIO;
    return -1;
}

static int start_other(uint32_t thread, uint32_t context)
{
    return pd_create_thread(SLOT_SELF_DOMAIN, thread, SLOT_SELF_DOMAIN) == PD_OK &&
                   pd_create_sched_context(SLOT_SELF_DOMAIN, context) == PD_OK &&
                   pd_sched_context_set(context, 1, 0, 0) == PD_OK && pd_bind_sched_context(thread, context) == PD_OK &&
                   pd_thread_start(thread, (uint64_t)other, (uint64_t)stack + sizeof stack - 8, 0) == PD_OK
               ? 0
               : -1;
}

int bench_switches(const char *wanted)
{
    static const struct bench_row row = {"sched_switch", sched_switch, 0, SWITCHES, SWITCHES_COUNTED, 0};
    uint32_t thread = pd_slot_take(), context = pd_slot_take();
    int result;

    if (!bench_wanted(wanted, row.name)) {
        return 0;
    }
    errno = EACCES;
    if (start_other(thread, context) != 0 || pd_sched_attach(SELF, SLOT_SCHED_CONTEXT, SCHED_SHARED) != 0 ||
        pd_sched_attach(OTHER, context, SCHED_SHARED) != 0) {
        return bench_failed(row.name, "attaching two threads") != 0;
    }
    result = bench_measure(&row);
    pd_invoke_4(thread, THREAD_STOP, 0, 0, 0, 0);
    pd_sched_detach(OTHER);
    pd_sched_detach(SELF);
    return result != 0;
}
