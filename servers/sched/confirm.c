/* SPDX-License-Identifier: MIT */
/* Calls of sched confirmed. Rule: confirm.h. */
#include "confirm.h"

#include "abi/posix_errno.h"

bool confirm_runners(const struct table *table, uint32_t binding, const struct sched_ssr *ssr)
{
    uint32_t wanted = 0, seen = 0;

    for (uint32_t index = SCHED_ENTRIES; index-- > 0;) {
        wanted |= (ssr->entries[index].tickets != 0) << index;
    }
    for (uint32_t place = table->count; place-- > 0;) {
        const struct runner *runner = &table->runners[place];
        const struct sched_entry *entry = &ssr->entries[runner->entry % SCHED_ENTRIES];

        if (runner->binding != binding) {
            continue;
        }
        if (runner->entry >= SCHED_ENTRIES || seen >> runner->entry & 1 || runner->tickets != entry->tickets ||
            runner->class != entry->class || runner->level != entry->level || runner->budget_us != entry->budget_us ||
            runner->period_us != entry->period_us) {
            return false;
        }
        seen |= 1u << runner->entry;
    }
    return seen == wanted;
}

/* Whether what was set in an entry is that; how its share is counted may differ. */
static bool is_set(const struct sched_entry *entry, const struct sched_entry *wanted)
{
    return entry->period_us == wanted->period_us && entry->budget_us == wanted->budget_us &&
           entry->tickets == wanted->tickets && entry->level == wanted->level && entry->class == wanted->class &&
           entry->reserved == wanted->reserved;
}

static bool is_entry(const struct sched_entry *entry, const struct sched_entry *wanted)
{
    return is_set(entry, wanted) && entry->priority == wanted->priority && entry->pass == wanted->pass &&
           entry->consumed_ns == wanted->consumed_ns;
}

/* Whether all entries but `except` are as before. */
static bool others_are_same(const struct sched_ssr *before, const struct sched_ssr *after, uint64_t except)
{
    for (uint32_t index = SCHED_ENTRIES; index-- > 0;) {
        if (index != except && !is_entry(&after->entries[index], &before->entries[index])) {
            return false;
        }
    }
    return true;
}

static bool is_reservation(uint64_t budget_us, uint64_t period_us)
{
    if (period_us == 0 || budget_us == 0) {
        return period_us == budget_us;
    }
    return period_us >= SCHED_PERIOD_US_MINIMUM && period_us <= SCHED_PERIOD_US_MAXIMUM && period_us >= budget_us;
}

/* Whether the arguments are such as can be served; that the entry is free is no question of arguments. */
static bool is_valid(const struct sched_ssr *ssr, const struct request *request)
{
    uint64_t entry = request->words[0], value = request->words[1];

    switch (request->operation) {
    case SCHED_AUDIT:
        return true;
    case SCHED_GET_POLICY:
        return request->words[0] < SCHED_CLASSES;
    case SCHED_SET_POLICY:
        return request->words[0] < SCHED_CLASSES && value < SCHED_POLICIES;
    case SCHED_ATTACH:
        return entry < SCHED_ENTRIES && value < SCHED_CLASSES;
    default:
        break;
    }
    if (entry >= SCHED_ENTRIES || ssr->entries[entry].tickets == 0) {
        return false;
    }
    switch (request->operation) {
    case SCHED_SET_CLASS:
        return value < SCHED_CLASSES;
    case SCHED_SET_LEVEL:
        return value < SCHED_LEVELS;
    case SCHED_SET_TICKETS:
        return value - 1 < SCHED_TICKETS_MAXIMUM;
    case SCHED_SET_RESERVATION:
        return is_reservation(value, request->words[2]);
    default:
        return true;
    }
}

/* Whether the entry has become what was asked for. */
static bool has_become(const struct sched_entry *was, const struct sched_entry *is, const struct request *request)
{
    struct sched_entry wanted = *was;

    switch (request->operation) {
    case SCHED_ATTACH:
        wanted = (struct sched_entry){.class = (uint32_t)request->words[1], .tickets = SCHED_TICKETS_DEFAULT};
        return was->tickets == 0 && is_set(is, &wanted);
    case SCHED_DETACH:
        wanted = (struct sched_entry){0};
        return is_entry(is, &wanted);
    case SCHED_SET_CLASS:
        wanted.class = (uint32_t)request->words[1];
        break;
    case SCHED_SET_LEVEL:
        wanted.level = (uint32_t)request->words[1];
        break;
    case SCHED_SET_TICKETS:
        wanted.tickets = (uint32_t)request->words[1];
        break;
    default: /* SCHED_SET_RESERVATION */
        wanted.budget_us = (uint32_t)request->words[1];
        wanted.period_us = (uint32_t)request->words[2];
    }
    return is->priority == was->priority && is_set(is, &wanted);
}

/* Why a request with valid arguments may be refused. */
static bool is_reason(int64_t result)
{
    return result == -PE_ACCES || result == -PE_AGAIN || result == -PE_BUSY || result == -PE_NOSPC || result == -PE_PERM;
}

/* What SCHED_GET tells of an entry. */
static bool is_told(const struct sched_entry *entry, const struct request *request)
{
    return request->reply[0] == entry->class && (uint32_t)request->reply[1] == entry->level &&
           request->reply[1] >> 32 == entry->tickets && (uint32_t)request->reply[2] == entry->budget_us &&
           request->reply[2] >> 32 == entry->period_us;
}

bool confirm_call(const struct sched_ssr *before, const struct sched_ssr *after, const struct request *request)
{
    int64_t result = (int64_t)request->reply[0];
    uint64_t index = request->words[0];

    if (request->operation < SCHED_ATTACH || request->operation > SCHED_AUDIT) {
        return result == -PE_NOSYS && others_are_same(before, after, SCHED_ENTRIES);
    }
    if (!is_valid(before, request)) {
        return result == -PE_INVAL && others_are_same(before, after, SCHED_ENTRIES);
    }
    if (result == -PE_INVAL || result == -PE_NOSYS ||
        (result == -PE_BUSY) != (request->operation == SCHED_ATTACH && before->entries[index].tickets != 0)) {
        return false;
    }
    if (result < 0 || request->operation >= SCHED_YIELD) {
        return (result >= 0 || is_reason(result)) && (before == after || others_are_same(before, after, SCHED_ENTRIES));
    }
    if (request->operation == SCHED_GET) {
        return others_are_same(before, after, SCHED_ENTRIES) && is_told(&before->entries[index], request);
    }
    return result == 0 && others_are_same(before, after, index) && after->magic == SCHED_MAGIC &&
           has_become(&before->entries[index], &after->entries[index], request);
}
