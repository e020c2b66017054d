/* SPDX-License-Identifier: MIT */
/* The operations of sched (abi/sched.toml). Rule: arguments first, then the SSR, then the runner; the kernel is told in the
 * event that follows. Nothing is answered that is not confirmed. */
#include "abi/manifest.h"
#include "abi/posix_errno.h"
#include "confirm.h"
#include "contexts.h"
#include "perdure/service.h"
#include "servers/common/server.h"
#include "state.h"

#define ARRIVED 0 /* the capability that comes with a call */

/* The entry that word 0 names, if it is in use; NULL. */
static struct sched_entry *used_entry(const struct request *request)
{
    struct sched_ssr *ssr = server_ssr();

    if (request->words[0] >= SCHED_ENTRIES || !entry_is_used(&ssr->entries[request->words[0]])) {
        return NULL;
    }
    return &ssr->entries[request->words[0]];
}

/* An entry has been changed: so is its runner, whose share is counted from here on. */
static int64_t changed(const struct request *request, struct sched_entry *entry, bool new_share)
{
    uint32_t index = (uint32_t)request->words[0];
    struct runner *runner = table_find(&sched_table, request->binding, index);

    if (runner && runner->rebased) {
        entry->pass = runner->pass;
        entry->consumed_ns = runner->base_ns;
        runner->rebased = false;
    }
    runner = table_put(&sched_table, request->binding, index, entry);
    if (!runner) {
        return -PE_AGAIN;
    }
    if (new_share) {
        runner->pass = entry->pass = sched_region()->pass[entry->class];
        runner->base_ns = entry->consumed_ns = runner->consumed_ns;
    }
    contexts_touch();
    return 0;
}

static int64_t attach(const struct request *request)
{
    struct sched_ssr *ssr = server_ssr();
    struct sched_entry entry = {.class = (uint32_t)request->words[1], .tickets = SCHED_TICKETS_DEFAULT};
    int64_t status;

    if (request->words[0] >= SCHED_ENTRIES || request->words[1] >= SCHED_CLASSES) {
        return -PE_INVAL;
    }
    if (entry_is_used(&ssr->entries[request->words[0]])) {
        return -PE_BUSY;
    }
    if (!contexts_arrived(SLOT_ARRIVED + ARRIVED, &entry.consumed_ns, &entry.priority) &&
        !contexts_arrived(SLOT_ARRIVED + ARRIVED, &entry.consumed_ns, &entry.priority)) { /* that none came is believed twice */
        return -PE_ACCES;
    }
    entry.pass = sched_region()->pass[entry.class];
    status = changed(request, &entry, false);
    if (status != 0) {
        return status;
    }
    if (service_keep(ARRIVED, (uint32_t)request->words[0]) != PD_OK) {
        server_panic(SERVER_PANIC_DELIVERY); /* the runner goes with this incarnation */
    }
    ssr->magic = SCHED_MAGIC;
    ssr->entries[request->words[0]] = entry;
    return 0;
}

static void forget(uint32_t binding, uint32_t index, struct sched_entry *entry)
{
    struct runner *runner = table_find(&sched_table, binding, index);

    if (runner) {
        contexts_release(runner, entry->priority);
        table_remove(&sched_table, runner);
        contexts_touch();
    }
    *entry = (struct sched_entry){0};
}

static int64_t detach(const struct request *request)
{
    struct sched_entry *entry = used_entry(request);

    if (!entry) {
        return -PE_INVAL;
    }
    forget(request->binding, (uint32_t)request->words[0], entry);
    service_drop(request->binding, (uint32_t)request->words[0]);
    return 0;
}

static int64_t set_class(const struct request *request)
{
    struct sched_entry *entry = used_entry(request);

    if (!entry || request->words[1] >= SCHED_CLASSES) {
        return -PE_INVAL;
    }
    entry->class = (uint32_t)request->words[1];
    return changed(request, entry, true);
}

static int64_t set_level(const struct request *request)
{
    struct sched_entry *entry = used_entry(request);

    if (!entry || request->words[1] >= SCHED_LEVELS) {
        return -PE_INVAL;
    }
    entry->level = (uint32_t)request->words[1];
    return changed(request, entry, false);
}

static int64_t set_tickets(const struct request *request)
{
    struct sched_entry *entry = used_entry(request);

    if (!entry || request->words[1] == 0 || request->words[1] > SCHED_TICKETS_MAXIMUM) {
        return -PE_INVAL;
    }
    entry->tickets = (uint32_t)request->words[1];
    return changed(request, entry, true);
}

static int64_t set_reservation(const struct request *request)
{
    struct sched_entry *entry = used_entry(request);
    uint64_t budget_us = request->words[1], period_us = request->words[2];
    const struct runner *runner;

    if (!entry || budget_us > period_us || period_us > SCHED_PERIOD_US_MAXIMUM || (budget_us == 0) != (period_us == 0) ||
        (period_us && period_us < SCHED_PERIOD_US_MINIMUM)) {
        return -PE_INVAL;
    }
    runner = table_find(&sched_table, request->binding, (uint32_t)request->words[0]);
    if (policy_reserved_per_mille(&sched_table, runner) +
            reservation_per_mille((uint32_t)budget_us, (uint32_t)period_us) > SCHED_RESERVED_PER_MILLE) {
        return -PE_NOSPC;
    }
    entry->budget_us = (uint32_t)budget_us;
    entry->period_us = (uint32_t)period_us;
    return changed(request, entry, false);
}

static int64_t get(struct request *request)
{
    const struct sched_entry *entry = used_entry(request);

    if (!entry) {
        return -PE_INVAL;
    }
    request->reply[1] = entry->level | (uint64_t)entry->tickets << 32;
    request->reply[2] = entry->budget_us | (uint64_t)entry->period_us << 32;
    request->reply[3] = sched_region()->policy[entry->class];
    return entry->class;
}

static int64_t yield(const struct request *request)
{
    struct runner *runner = used_entry(request) ? table_find(&sched_table, request->binding, (uint32_t)request->words[0])
                                                : NULL;

    if (!runner) {
        return -PE_INVAL;
    }
    contexts_yield(runner);
    return 0;
}

/* Whether the capability that came says that the caller may supervise this very service: only the root domain gives numbers. */
static bool may_choose_policies(void)
{
    const struct service_usage *usage = server_message();
    uint64_t type, rights, badge;

    return pd_identify(SLOT_ARRIVED + ARRIVED, &type, &rights, &badge) == PD_OK && type == OBJECT_SERVICE &&
           pd_service_usage(SLOT_ARRIVED + ARRIVED) == PD_OK && usage->number == SERVICE_NUMBER_SCHED;
}

static int64_t set_policy(struct request *request)
{
    struct sched_region *region = sched_region();
    uint64_t before;

    if (request->words[0] >= SCHED_CLASSES || request->words[1] >= SCHED_POLICIES) {
        return -PE_INVAL;
    }
    if (!may_choose_policies()) {
        return -PE_PERM;
    }
    before = region->policy[request->words[0]];
    region->policy[request->words[0]] = request->words[1];
    contexts_touch();
    return (int64_t)before;
}

static int64_t get_policy(struct request *request)
{
    if (request->words[0] >= SCHED_CLASSES) {
        return -PE_INVAL;
    }
    for (uint32_t index = 0; index < sched_table.count; index++) {
        request->reply[1] += sched_table.runners[index].class == request->words[0];
    }
    request->reply[2] = policy_reserved_per_mille(&sched_table, NULL);
    return (int64_t)sched_region()->policy[request->words[0]];
}

/* What the caller's region says against its runners. */
static int64_t audit_caller(const struct request *request)
{
    const struct sched_ssr *ssr = server_ssr();
    int64_t differences = !entries_are_valid(ssr);

    for (uint32_t index = 0; index < SCHED_ENTRIES; index++) {
        const struct runner *runner = table_find(&sched_table, request->binding, index);

        if (!entry_is_used(&ssr->entries[index])) {
            differences += runner != NULL;
        } else {
            differences += runner ? runner_differences(runner, &ssr->entries[index]) : 1;
        }
    }
    return differences;
}

/* What the kernel keeps for each binding against the runners: entry n is capability n. */
static int64_t audit_bindings(void)
{
    struct service_binding binding;
    uint32_t runners = 0;
    int64_t differences = 0;

    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK; index++) {
        for (uint32_t entry = 0; entry < SCHED_ENTRIES; entry++) {
            const struct runner *runner = table_find(&sched_table, binding.binding, entry);

            runners += runner != NULL;
            differences += (binding.capabilities >> entry & 1) && !runner && !(binding.flags & BINDING_QUARANTINED);
        }
    }
    return differences + (runners != sched_table.count);
}

static int64_t audit(const struct request *request)
{
    int64_t differences = audit_caller(request) + audit_bindings() + !region_is_valid(sched_region());

    for (uint32_t index = 0; index < sched_table.count; index++) {
        differences += !contexts_agree(&sched_table.runners[index]);
    }
    if (differences) {
        server_log("sched: audit differences=%lu", (uint64_t)differences);
    }
    return differences;
}

static int64_t serve(struct request *request)
{
    switch (request->operation) {
    case SCHED_ATTACH:
        return attach(request);
    case SCHED_DETACH:
        return detach(request);
    case SCHED_SET_CLASS:
        return set_class(request);
    case SCHED_SET_LEVEL:
        return set_level(request);
    case SCHED_SET_TICKETS:
        return set_tickets(request);
    case SCHED_SET_RESERVATION:
        return set_reservation(request);
    case SCHED_GET:
        return get(request);
    case SCHED_YIELD:
        return yield(request);
    case SCHED_SET_POLICY:
        return set_policy(request);
    case SCHED_GET_POLICY:
        return get_policy(request);
    case SCHED_AUDIT:
        return audit(request);
    default:
        return -PE_NOSYS;
    }
}

int64_t service_call(struct request *request)
{
    bool may_change = request->operation != SCHED_YIELD; /* which is called often, so its SSR is not copied */
    const struct sched_ssr *before = server_ssr();
    struct sched_ssr copy;

    if (may_change) {
        copy = *before;
        before = &copy;
    }
    request->reply[0] = (uint64_t)serve(request);
    if (!confirm_call(before, server_ssr(), request) ||
        (may_change && !confirm_runners(&sched_table, request->binding, server_ssr()))) {
        server_panic(SCHED_PANIC_CALL);
    }
    return (int64_t)request->reply[0]; /* from memory: it has been looked at there */
}

void service_unbind(struct request *request)
{
    struct sched_ssr *ssr = server_ssr();

    for (uint32_t index = 0; index < SCHED_ENTRIES; index++) {
        if (entry_is_used(&ssr->entries[index])) {
            forget(request->binding, index, &ssr->entries[index]);
        }
    }
}
