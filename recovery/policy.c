/* SPDX-License-Identifier: MIT */
/*
 * The recovery policy (the table is in policy.h).
 *
 * Rule: one function a line of the table; policy_decide asks them in the table's order.
 */
#include "policy.h"

#include <stdbool.h>
#include <stddef.h>

static bool is_kill(const struct fault_record *record)
{
    return record->cause == CAUSE_KILL;
}

static bool is_start(const struct fault_record *record)
{
    return record->stage == STAGE_RECOVERING || record->stage == STAGE_FRESH_START;
}

/* A call or an unbind is served: the record names its binding. */
static bool is_request(const struct fault_record *record)
{
    return !is_start(record) && record->binding != 0;
}

static bool same_fault(const struct fault_record *one, const struct fault_record *other)
{
    if (one->cause != other->cause || is_start(one) != is_start(other)) {
        return false;
    }
    if (one->cause == CAUSE_HANG || one->cause == CAUSE_HEARTBEAT) {
        return true;
    }
    return one->vector == other->vector && one->rip == other->rip && one->code == other->code;
}

/*
 * Rules P1 and P2. The kernel counts how many incarnations a request has ended (kills left out), so an
 * older record tells of the same request as a newer one when binding and operation agree and its count is
 * lower; a count that does not fall belongs to an earlier request of the same client.
 */
static const char *request_is_poison(const struct fault_history *history)
{
    const struct fault_record *newest = &history->records[0];
    uint32_t kills = newest->request_kills;
    uint32_t same = 1;

    if (newest->request_kills >= POLICY_ANY_REQUEST_FAULTS) {
        return "P2";
    }
    for (uint32_t index = 1; index < history->count && same < POLICY_SAME_REQUEST_FAULTS; index++) {
        const struct fault_record *record = &history->records[index];

        if (is_kill(record) || !is_request(record) || record->binding != newest->binding) {
            continue;
        }
        if (record->operation != newest->operation || record->request_kills >= kills ||
            !same_fault(newest, record)) {
            break;
        }
        kills = record->request_kills;
        same++;
    }
    return same >= POLICY_SAME_REQUEST_FAULTS ? "P1" : NULL;
}

/* Length of the run of start records at the head of the history, kills included in the length. */
static uint32_t start_run(const struct fault_history *history)
{
    uint32_t length = 0;

    while (length < history->count && is_start(&history->records[length])) {
        length++;
    }
    return length;
}

/*
 * Rule S1 for the record at `index`: was the same fault with the same SSR open seen before in this run of
 * `length`?
 */
static bool start_repeats(const struct fault_history *history, uint32_t index, uint32_t length)
{
    const struct fault_record *record = &history->records[index];

    if (record->suspect_binding == 0 || is_kill(record)) {
        return false;
    }
    for (uint32_t older = index + 1; older < length; older++) {
        const struct fault_record *other = &history->records[older];

        if (other->suspect_binding == record->suspect_binding && same_fault(record, other)) {
            return true;
        }
    }
    return false;
}

/* Rule G1: faults of this start since S1 last made progress. */
static bool start_is_hopeless(const struct fault_history *history, uint32_t length)
{
    uint32_t faults = 0;

    for (uint32_t index = 0; index < length; index++) {
        if (start_repeats(history, index, length)) {
            break;
        }
        faults += !is_kill(&history->records[index]);
    }
    return faults >= POLICY_RECOVERY_FAULTS;
}

/*
 * Faults in events like the newest one (same fault, same SSR open), in succession. `oldest` becomes the
 * last of them.
 */
static uint32_t event_run(const struct fault_history *history, const struct fault_record **oldest)
{
    const struct fault_record *newest = &history->records[0];
    uint32_t faults = 0;

    for (uint32_t index = 0; index < history->count; index++) {
        const struct fault_record *record = &history->records[index];

        if (is_kill(record)) {
            continue;
        }
        if (is_start(record) || is_request(record) || record->suspect_binding != newest->suspect_binding ||
            !same_fault(newest, record)) {
            break;
        }
        *oldest = record;
        faults++;
    }
    return faults;
}

static struct policy_decision decision(enum policy_action action, uint32_t binding, const char *rule)
{
    return (struct policy_decision){.action = action, .binding = binding, .rule = rule};
}

static struct policy_decision decide_start(const struct fault_history *history)
{
    uint32_t length = start_run(history);

    if (start_repeats(history, 0, length)) {
        return decision(POLICY_RESTART_WITHOUT_SSR, history->records[0].suspect_binding, "S1");
    }
    if (start_is_hopeless(history, length)) {
        return decision(POLICY_GIVE_UP, 0, "G1");
    }
    return decision(POLICY_RESTART, 0, "-");
}

static struct policy_decision decide_event(const struct fault_history *history)
{
    const struct fault_record *newest = &history->records[0];
    const struct fault_record *oldest = newest;
    uint32_t faults = event_run(history, &oldest);

    if (newest->suspect_binding != 0) {
        if (faults >= POLICY_SAME_EVENT_FAULTS) {
            return decision(POLICY_RESTART_WITHOUT_SSR, newest->suspect_binding, "S2");
        }
    } else if (faults >= POLICY_EVENT_FAULTS &&
               newest->time - oldest->time <= POLICY_EVENT_WINDOW_S * history->ticks_per_s) {
        return decision(POLICY_GIVE_UP, 0, "G2");
    }
    return decision(POLICY_RESTART, 0, "-");
}

struct policy_decision policy_decide(const struct fault_history *history)
{
    const struct fault_record *newest = &history->records[0];

    if (history->count == 0) {
        return decision(POLICY_RESTART, 0, "-");
    }
    if (is_kill(newest)) {
        return decision(POLICY_RESTART, 0, "K");
    }
    if (is_start(newest)) {
        return decide_start(history);
    }
    if (is_request(newest)) {
        const char *rule = request_is_poison(history);

        return rule ? decision(POLICY_POISON, newest->binding, rule) : decision(POLICY_RESTART, 0, "-");
    }
    return decide_event(history);
}
