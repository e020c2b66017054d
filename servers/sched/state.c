/* SPDX-License-Identifier: MIT */
/* Entries, and the table of runners. Rule: state.h. */
#include "state.h"

#include <stddef.h>

struct table sched_table;

/* A reservation is whole, and of a length that can be kept. */
static bool reservation_is_valid(const struct sched_entry *entry)
{
    if (entry->budget_us == 0) {
        return entry->period_us == 0;
    }
    return entry->budget_us <= entry->period_us && entry->period_us >= SCHED_PERIOD_US_MINIMUM &&
           entry->period_us <= SCHED_PERIOD_US_MAXIMUM;
}

static bool entry_is_zero(const struct sched_entry *entry)
{
    return (entry->class | entry->level | entry->priority | entry->budget_us | entry->period_us) == 0 &&
           (entry->reserved | entry->pass | entry->consumed_ns) == 0;
}

static bool entry_is_valid(const struct sched_entry *entry)
{
    if (!entry_is_used(entry)) {
        return entry_is_zero(entry);
    }
    return entry->class < SCHED_CLASSES && entry->level < SCHED_LEVELS && entry->tickets <= SCHED_TICKETS_MAXIMUM &&
           entry->priority <= PRIORITY_MAXIMUM && entry->reserved == 0 && reservation_is_valid(entry);
}

bool entries_are_valid(const struct sched_ssr *ssr)
{
    bool used = false;

    for (uint32_t index = 0; index < SCHED_ENTRIES; index++) {
        if (!entry_is_valid(&ssr->entries[index])) {
            return false;
        }
        used |= entry_is_used(&ssr->entries[index]);
    }
    return ssr->unused == 0 && ssr->reserved == 0 && (ssr->magic == SCHED_MAGIC || (ssr->magic == 0 && !used));
}

bool region_is_valid(const struct sched_region *region)
{
    for (uint32_t class = 0; class < SCHED_CLASSES; class++) {
        if (region->policy[class] >= SCHED_POLICIES) {
            return false;
        }
    }
    return region->magic == SCHED_MAGIC && region->reserved == 0;
}

struct runner *table_find(struct table *table, uint32_t binding, uint32_t entry)
{
    for (uint32_t index = 0; index < table->count; index++) {
        if (table->runners[index].binding == binding && table->runners[index].entry == entry) {
            return &table->runners[index];
        }
    }
    return NULL;
}

struct runner *table_put(struct table *table, uint32_t binding, uint32_t entry, const struct sched_entry *from)
{
    struct runner *runner = table_find(table, binding, entry);

    if (!runner) {
        if (table->count == SCHED_RUNNERS) {
            return NULL;
        }
        runner = &table->runners[table->count++];
        *runner = (struct runner){.binding = binding, .entry = entry};
    }
    runner->class = from->class;
    runner->level = from->level;
    runner->tickets = from->tickets;
    runner->budget_us = from->budget_us;
    runner->period_us = from->period_us;
    runner->pass = from->pass;
    runner->base_ns = from->consumed_ns;
    if (runner->consumed_ns < runner->base_ns) {
        runner->consumed_ns = runner->base_ns;
    }
    return runner;
}

void table_remove(struct table *table, struct runner *runner)
{
    *runner = table->runners[--table->count];
}

uint32_t runner_differences(const struct runner *runner, const struct sched_entry *entry)
{
    return (runner->class != entry->class) + (runner->level != entry->level) + (runner->tickets != entry->tickets) +
           (runner->budget_us != entry->budget_us) + (runner->period_us != entry->period_us) +
           (!runner->rebased && (runner->pass != entry->pass || runner->base_ns != entry->consumed_ns));
}
