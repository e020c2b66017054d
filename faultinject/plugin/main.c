/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options and start of the plugin. Given to QEMU as -plugin plugin.so,mode=MODE,KEY=VALUE,...; the harness
 * writes this line. An option that is not known or malformed refuses the run.
 */
#include "disk.h"
#include "experiment.h"
#include "idle.h"
#include "inject.h"
#include "kernel.h"
#include "observe.h"
#include "plan.h"
#include "quick.h"
#include "rehearsal.h"
#include "results.h"
#include "service.h"
#include "sse.h"
#include "stretch.h"
#include "stub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *mode;
    const char *plan;
    const char *results;
    const char *timeline;
    const char *events;
    const char *target;
    uint64_t observed;
    uint64_t observed_entries;
    uint64_t every;
    uint64_t seed;
    uint64_t jobs;
    uint64_t limit_ns;
    uint64_t cut_ns;
    uint64_t wall_ms;
    uint64_t warm;
    uint64_t early_end;
    uint64_t system_call;
    uint64_t stub;
    uint64_t monitor;
    uint64_t quick;
    struct stop_addresses addresses;
} options = {.observed_entries = 16, .jobs = 1, .wall_ms = 60000, .every = 200000, .quick = 1};

static bool option_text(const char *key, const char *value)
{
    const struct {
        const char *key;
        const char **place;
    } texts[] = {{"mode", &options.mode},         {"plan", &options.plan},     {"results", &options.results},
                 {"timeline", &options.timeline}, {"events", &options.events}, {"target", &options.target}};

    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].key, key) == 0) {
            *texts[i].place = value;
            return true;
        }
    }
    return false;
}

static bool option_number(const char *key, const char *value)
{
    const struct {
        const char *key;
        uint64_t *place;
    } numbers[] = {{"observed", &options.observed},
                   {"observed_entries", &options.observed_entries},
                   {"every", &options.every},
                   {"seed", &options.seed},
                   {"jobs", &options.jobs},
                   {"limit_ns", &options.limit_ns},
                   {"cut_ns", &options.cut_ns},
                   {"wall_ms", &options.wall_ms},
                   {"warm", &options.warm},
                   {"early_end", &options.early_end},
                   {"quick", &options.quick},
                   {"system_call", &options.system_call},
                   {"stub", &options.stub},
                   {"monitor", &options.monitor},
                   {"verdict", &options.addresses.verdict},
                   {"mark", &options.addresses.mark},
                   {"recovery", &options.addresses.recovery},
                   {"failure", &options.addresses.failure}};
    char *end;
    uint64_t number = strtoull(value, &end, 0);

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(numbers[i].key, key) == 0) {
            *numbers[i].place = number;
            return *value && !*end;
        }
    }
    return strcmp(key, "entry") == 0 && *value && !*end && count_add_entry(number);
}

static bool option_other(const char *key, const char *value)
{
    static const char *const outputs[OUTPUT_COUNT] = {"log", "console", "error"};

    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        if (strcmp(outputs[i], key) == 0) {
            machine_output_path(i, value);
            return true;
        }
    }
    if (strcmp(key, "service") == 0) {
        return service_add(value);
    }
    if (strcmp(key, "rehearse") == 0) {
        return rehearsal_add(value);
    }
    if (strcmp(key, "layout") == 0) {
        return kernel_layout_read(value);
    }
    if (strcmp(key, "images") == 0) {
        disk_images_directory(value);
        return true;
    }
    if (strcmp(key, "known_disk") == 0) {
        disk_known_hash(value);
        return true;
    }
    return false;
}

/* QEMU frees its copies of the options after this returns. */
static bool options_read(int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        char *key = strdup(arguments[i]);
        char *value = key ? strchr(key, '=') : NULL;

        if (!value) {
            fprintf(stderr, "fault injection: option %s has no value\n", arguments[i]);
            return false;
        }
        *value++ = 0;
        if (!option_text(key, value) && !option_number(key, value) && !option_other(key, value)) {
            fprintf(stderr, "fault injection: option %s is not known or malformed\n", arguments[i]);
            return false;
        }
    }
    return true;
}

static bool start_experiments(bool single)
{
    unsigned largest = 0;

    if (!options.plan || !options.results || !plan_read(options.plan)) {
        return false;
    }
    for (unsigned i = 0; i < plan_count(); i++) {
        if (options.stub && !inject_needs_no_symbols(plan_experiment(i))) {
            fprintf(stderr, "fault injection: faults of this kind need a QEMU that has its symbols\n");
            return false;
        }
        if (options.stub && plan_experiment(i)->kind == FAULT_SSE) {
            sse_expect((unsigned)plan_experiment(i)->a);
        }
        if (plan_experiment(i)->index > largest) {
            largest = plan_experiment(i)->index;
        }
    }
    experiment_configure(&(struct experiment_options){.jobs = (unsigned)options.jobs,
                                                      .single = single,
                                                      .warm = options.warm != 0,
                                                      .early_end = options.early_end != 0,
                                                      .limit_ns = (int64_t)options.limit_ns,
                                                      .wall_ms = (unsigned)options.wall_ms});
    return results_create(options.results, largest + 1);
}

static const struct stop_handlers *mode_start(void)
{
    const char *mode = options.mode ? options.mode : "";

    if (options.stub && strcmp(mode, "golden") != 0 && strcmp(mode, "trace") != 0 && strcmp(mode, "single") != 0) {
        fprintf(stderr, "fault injection: mode %s needs a QEMU that has its symbols\n", mode);
        return NULL;
    }
    if (strcmp(mode, "golden") == 0) {
        return options.results && results_create(options.results, 1) &&
                       golden_configure(options.timeline, (int64_t)options.limit_ns)
                   ? &golden_handlers
                   : NULL;
    }
    if (strcmp(mode, "trace") == 0) {
        return trace_configure(options.events) ? &trace_handlers : NULL;
    }
    if (strcmp(mode, "fork") == 0) {
        return start_experiments(false) ? &experiment_handlers : NULL;
    }
    if (strcmp(mode, "single") == 0) {
        return start_experiments(true) ? &experiment_handlers : NULL;
    }
    if (strcmp(mode, "crash") == 0) {
        return crash_configure(options.events, options.target, options.every, options.seed, (int64_t)options.cut_ns)
                   ? &crash_handlers
                   : NULL;
    }
    if (strcmp(mode, "count") == 0) {
        return count_configure(options.events) ? &count_handlers : NULL;
    }
    if (strcmp(mode, "path") == 0) {
        return path_configure(options.events) ? &path_handlers : NULL;
    }
    if (strcmp(mode, "debug") == 0) {
        return options.plan && plan_read(options.plan) && debug_configure(options.events) ? &debug_handlers
                                                                                          : NULL;
    }
    fprintf(stderr, "fault injection: mode \"%s\" is not known (golden, trace, fork, single, crash, count, path, debug)\n",
            mode);
    return NULL;
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t plugin_id, const void *information,
                                                               int count, char **arguments)
{
    const struct stop_handlers *handlers;

    (void)information;
    if (!options_read(count, arguments) || !qemu_find_functions(options.stub != 0)) {
        return 1;
    }
    if (options.mode && strcmp(options.mode, "symbols") == 0) {
        return 1; /* all that was to be found out is known */
    }
    if (options.stub) {
        stub_take_over((int)options.stub, (int)options.monitor);
    }
    stretch_observe_system_calls(options.system_call);
    service_observed_table(options.observed, (unsigned)options.observed_entries);
    handlers = mode_start();
    if (!handlers) {
        fprintf(stderr, "fault injection: the plugin's options are not complete for mode %s\n",
                options.mode ? options.mode : "(none)");
        return 1;
    }
    if (!options.quick) {
        idle_execute_loops();
    } else if (quick_checksums() && options.results) {
        results_feature(FEATURE_QUICK_CHECKSUMS);
    }
    stops_install(plugin_id, handlers, &options.addresses);
    return 0;
}
