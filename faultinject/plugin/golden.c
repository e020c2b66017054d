/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The golden run: every move into and out of a service is an exact stop, so the timeline is exact. */
#include "disk.h"
#include "observe.h"
#include "results.h"
#include "service.h"
#include "stretch.h"

#include <stdio.h>
#include <unistd.h>

static FILE *timeline;
static struct timeline_stretch stretch = {.service = SERVICE_NONE};
static uint64_t limit_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];
static int64_t limit_ns;

bool golden_configure(const char *timeline_path, int64_t limit)
{
    limit_ns = limit;
    timeline = timeline_path ? fopen(timeline_path, "wb") : NULL;
    if (!timeline) {
        fprintf(stderr, "fault injection: cannot create the timeline %s\n", timeline_path ? timeline_path : "(none)");
    }
    return timeline != NULL;
}

static void finish_stretch(void)
{
    if (stretch.service == SERVICE_NONE) {
        return;
    }
    stretch_end(&stretch);
    if (stretch.end_ns > stretch.start_ns) {
        fwrite(&stretch, sizeof(stretch), 1, timeline);
    }
    stretch.service = SERVICE_NONE;
}

static void golden_moved(int service)
{
    finish_stretch();
    if (service != SERVICE_NONE && machine_privilege() == 3) {
        stretch = stretch_begin(service);
    }
}

static void golden_end(enum end end, uint64_t code, uint64_t detail)
{
    struct experiment_record *record = results_record(0);

    finish_stretch();
    if (fclose(timeline) != 0) {
        perror("fault injection: cannot write the timeline");
        _exit(1);
    }
    record->code = code;
    record->detail = detail;
    results_complete(record, end);
    results_finished();
    _exit(0);
}

static void golden_verdict(uint64_t code, uint64_t detail)
{
    golden_end(END_VERDICT, code, detail);
}

static void golden_limit_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    golden_end(END_LIMIT, 0, 0);
}

static void golden_limit_due(void *argument)
{
    qemu.async_run_on_cpu(machine_cpu, golden_limit_work, argument);
}

static void golden_begin(void)
{
    if (limit_ns > 0) {
        qemu.timer_init_full(limit_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, golden_limit_due, NULL);
        qemu.timer_mod_ns(limit_timer, limit_ns);
    }
}

const struct stop_handlers golden_handlers = {
    .begin = golden_begin,
    .verdict = golden_verdict,
    .recovery = results_recovery,
    .moved = golden_moved,
    .skips_idle = true,
};
