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
    static const char *const names[] = {"none",   "register", "assign", "memory", "physical",
                                        "stack",  "code",     "mutate", "abort",  "hang",
                                        "delay",  "kill",     "region", "event-again", "quota",
                                        "sse"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            *kind = (enum fault_kind)i;
            return true;
        }
    }
    return false;
}

/* The name without what says that it is a second fault. */
static const char *second_by_name(const char *name, enum second *second)
{
    static const char *const prefixes[] = {[SECOND_NONE] = "", [SECOND_IN_SERVICE] = "recovering+",
                                           [SECOND_IN_MONITOR] = "monitor+"};

    *second = strchr(name, '+') == NULL ? SECOND_NONE : name[0] == 'm' ? SECOND_IN_MONITOR : SECOND_IN_SERVICE;
    return strncmp(name, prefixes[*second], strlen(prefixes[*second])) == 0 ? name + strlen(prefixes[*second]) : "";
}

struct damage damage_read(uint64_t operand)
{
    return (struct damage){.first_bit = operand & 0xff,
                           .bits = 1 + (unsigned)(operand >> 8 & 0xff),
                           .effect = (enum damage_effect)(operand >> 16 & 0xf),
                           .held = operand >> 20 & 1,
                           .place = operand >> 32 & 0x7fffffff};
}

uint64_t damage_mask(const struct damage *damage)
{
    return (damage->bits < 64 ? (1ull << damage->bits) - 1 : ~0ull) << (damage->first_bit & 63);
}

uint64_t damage_apply(const struct damage *damage, uint64_t value)
{
    uint64_t mask = damage_mask(damage);

    switch (damage->effect) {
    case DAMAGE_CLEAR:
        return value & ~mask;
    case DAMAGE_SET:
        return value | mask;
    default:
        return value ^ mask;
    }
}

uint64_t damage_place(const struct damage *damage, uint64_t count)
{
    return (uint64_t)(((unsigned __int128)damage->place * count) >> 31);
}

static bool line_read(const char *line)
{
    struct experiment experiment;
    char kind[32];

    if (sscanf(line, "%u %ld %31s %lx %lx", &experiment.index, &experiment.time_ns, kind, &experiment.a,
               &experiment.b) != 5 ||
        !kind_by_name(second_by_name(kind, &experiment.second), &experiment.kind)) {
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
