/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the plan. */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct experiment *experiments;
static unsigned count;

static bool kind_by_name(const char *name, enum fault_kind *kind)
{
    static const char *const names[] = {"none", "register", "memory", "physical", "code", "abort", "hang", "kill"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            *kind = (enum fault_kind)i;
            return true;
        }
    }
    return false;
}

static bool line_read(const char *line)
{
    struct experiment experiment;
    char kind[16];

    if (sscanf(line, "%u %ld %15s %lx %lx", &experiment.index, &experiment.time_ns, kind, &experiment.a,
               &experiment.b) != 5 ||
        !kind_by_name(kind, &experiment.kind)) {
        return false;
    }
    if (count > 0 && experiments[count - 1].time_ns > experiment.time_ns) {
        return false;
    }
    if ((count & (count - 1)) == 0) {
        size_t capacity = count ? (size_t)count * 2 : 1;
        struct experiment *larger = realloc(experiments, capacity * sizeof(*experiments));

        if (!larger) {
            return false;
        }
        experiments = larger;
    }
    experiments[count++] = experiment;
    return true;
}

bool plan_read(const char *path)
{
    char line[256];
    FILE *file = fopen(path, "r");
    bool good = file != NULL;

    while (good && fgets(line, sizeof(line), file)) {
        good = line_read(line);
    }
    if (!good) {
        fprintf(stderr, "fault injection: plan %s cannot be read or is malformed near experiment %u\n", path, count);
    }
    if (file) {
        fclose(file);
    }
    return good;
}

unsigned plan_count(void)
{
    return count;
}

const struct experiment *plan_experiment(unsigned position)
{
    return &experiments[position];
}
