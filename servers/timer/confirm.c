/* SPDX-License-Identifier: MIT */
/* Alarms, heap and answers of timer, confirmed. Rule: confirm.h. */
#include "confirm.h"

#include "abi/posix_errno.h"
#include "state.h"

#define NO_ALARM TIMER_ALARMS

/* The alarm of those in `mask` that is due first, from the last to the first; NO_ALARM if none of them is set. */
static uint32_t find_first(const struct timer_ssr *ssr, uint64_t mask, uint64_t *due_ns)
{
    uint32_t place = NO_ALARM;

    *due_ns = ALARM_NEVER;
    for (uint32_t index = TIMER_ALARMS; index-- > 0;) {
        if (ssr->alarms[index].due_ns - 1 < *due_ns && mask & (uint64_t)1 << index) { /* not set: after all others */
            *due_ns = ssr->alarms[index].due_ns;
            place = index;
        }
    }
    return place;
}

bool confirm_first(const struct timer_ssr *ssr, uint64_t mask, uint32_t index, uint64_t due_ns)
{
    uint64_t first_ns;
    uint32_t first = find_first(ssr, mask, &first_ns);

    return first_ns == due_ns && (first == index || first == NO_ALARM);
}

uint64_t confirm_due(const struct timer_ssr *ssr, uint64_t mask)
{
    uint64_t first_ns;

    find_first(ssr, mask, &first_ns);
    return first_ns;
}

/* Whether `count` expirations are due of an alarm at `now_ns`: the last of them and not one more. */
static bool is_count(const struct timer_alarm *alarm, uint64_t count, uint64_t now_ns)
{
    uint64_t end_ns = alarm->due_ns + count * alarm->period_ns;

    if (count == 0) {
        return alarm->due_ns == 0 || alarm->due_ns > now_ns;
    }
    if (alarm->due_ns == 0 || alarm->due_ns > now_ns || count > now_ns) { /* nothing comes twice in one of the nanoseconds */
        return false;
    }
    return alarm->period_ns == 0 ? count == 1 : end_ns > now_ns && end_ns - alarm->period_ns <= now_ns;
}

/* Whether `remaining_ns` after `now_ns` the alarm expires again; 0: never more. */
static bool is_remaining(const struct timer_alarm *alarm, uint64_t remaining_ns, uint64_t now_ns)
{
    uint64_t next_ns = now_ns + remaining_ns;

    if (remaining_ns == 0) {
        return alarm->due_ns <= now_ns && (alarm->due_ns == 0 || alarm->period_ns == 0);
    }
    if (alarm->due_ns > now_ns) {
        return next_ns == alarm->due_ns;
    }
    return alarm->due_ns != 0 && remaining_ns <= alarm->period_ns && (next_ns - alarm->due_ns) % alarm->period_ns == 0;
}

static bool is_alarm(const struct timer_alarm *alarm, uint64_t due_ns, uint64_t period_ns)
{
    return alarm->due_ns == due_ns && alarm->period_ns == period_ns;
}

/* Whether all is as before but alarm `except`, its sum of what was taken, and that it is in use. */
static bool others_are_same(const struct timer_ssr *before, const struct timer_ssr *after, uint32_t except)
{
    for (uint32_t index = TIMER_ALARMS; index-- > 0;) {
        if (index != except && !is_alarm(&after->alarms[index], before->alarms[index].due_ns, before->alarms[index].period_ns)) {
            return false;
        }
    }
    return after->reserved == before->reserved;
}

static bool is_same(const struct timer_ssr *before, const struct timer_ssr *after)
{
    return others_are_same(before, after, NO_ALARM) && after->magic == before->magic && after->taken == before->taken;
}

bool confirm_taken(const struct timer_ssr *before, const struct timer_ssr *after, uint32_t index, uint64_t count,
                   uint64_t now_ns)
{
    const struct timer_alarm *was = &before->alarms[index], *is = &after->alarms[index];

    if (!is_count(was, count, now_ns) || after->taken - count != before->taken || after->magic != before->magic ||
        !others_are_same(before, after, index)) {
        return false;
    }
    if (count > 0 && was->period_ns == 0) {
        return is_alarm(is, 0, 0);
    }
    return is_alarm(is, was->due_ns + count * was->period_ns, was->period_ns);
}

static bool confirm_set(const struct timer_ssr *before, const struct timer_ssr *after, const struct request *request,
                        uint64_t now_ns)
{
    const struct timer_alarm *was = &before->alarms[request->words[0]], *is = &after->alarms[request->words[0]];
    uint64_t start_ns = request->words[3] == TIMER_ABSOLUTE ? 0 : now_ns;

    return after->magic == TIMER_MAGIC && after->taken == before->taken &&
           others_are_same(before, after, (uint32_t)request->words[0]) &&
           is_remaining(was, request->reply[1], now_ns) && request->reply[2] == was->period_ns &&
           (request->words[1] == 0 ? is_alarm(is, 0, 0) : is->due_ns - start_ns == request->words[1] &&
                                                              is->period_ns == request->words[2]);
}

static bool confirm_get(const struct timer_ssr *before, const struct timer_ssr *after, const struct request *request,
                        uint64_t now_ns)
{
    const struct timer_alarm *alarm = &before->alarms[request->words[0]];

    return is_same(before, after) && is_remaining(alarm, request->reply[1], now_ns) &&
           request->reply[2] == alarm->period_ns && is_count(alarm, request->reply[3], now_ns);
}

static bool confirm_wait(const struct timer_ssr *before, const struct timer_ssr *after, const struct request *request,
                         uint64_t now_ns)
{
    int64_t result = (int64_t)request->reply[0];

    if (result < 0) {
        return is_same(before, after) && (result != SERVICE_DEFER || confirm_due(before, request->words[0]) > now_ns);
    }
    return result < TIMER_ALARMS && request->reply[1] > 0 &&
           confirm_first(before, request->words[0], (uint32_t)result, request->reply[2]) &&
           confirm_taken(before, after, (uint32_t)result, request->reply[1], now_ns);
}

/* Whether a request has arguments that nobody can serve: those of an operation that is none, too. */
static bool is_refused(const struct timer_ssr *ssr, const struct request *request)
{
    switch (request->operation) {
    case TIMER_SET:
        return request->words[0] >= TIMER_ALARMS || request->words[1] > TIMER_TIME_MAXIMUM ||
               request->words[2] > TIMER_TIME_MAXIMUM ||
               (request->words[3] != TIMER_ABSOLUTE && request->words[3] != TIMER_RELATIVE);
    case TIMER_WAIT:
        return request->words[0] > UINT32_MAX || confirm_due(ssr, request->words[0]) == ALARM_NEVER;
    case TIMER_TAKE:
    case TIMER_GET:
        return request->words[0] >= TIMER_ALARMS;
    default:
        return true;
    }
}

bool confirm_call(const struct timer_ssr *before, const struct timer_ssr *after, const struct request *request,
                  uint64_t now_ns)
{
    int64_t result = (int64_t)request->reply[0];

    if (is_refused(before, request)) {
        bool is_known = request->operation >= TIMER_SET && request->operation <= TIMER_WAIT;

        return result == (is_known ? -PE_INVAL : -PE_NOSYS) && is_same(before, after);
    }
    switch (request->operation) {
    case TIMER_SET:
        return result == 0 && confirm_set(before, after, request, now_ns);
    case TIMER_GET:
        return result == 0 && confirm_get(before, after, request, now_ns);
    case TIMER_TAKE:
        return confirm_taken(before, after, (uint32_t)request->words[0], (uint64_t)result, now_ns);
    default:
        return result != -PE_INVAL && result != -PE_NOSYS && confirm_wait(before, after, request, now_ns);
    }
}

bool confirm_heap(const struct heap *heap, uint64_t *first_ns)
{
    uint64_t sum = heap->sum;

    *first_ns = ALARM_NEVER;
    for (uint32_t place = heap->count; place-- > 0;) {
        const struct heap_entry *entry = &heap->entries[place];

        if (entry->due_ns < *first_ns) {
            *first_ns = entry->due_ns;
        }
        if (place > 0 && entry->due_ns < heap->entries[(place - 1) / 2].due_ns) {
            return false;
        }
        sum -= HEAP_SUMMAND(entry->binding, entry->due_ns);
    }
    return sum == 0;
}

bool confirm_waits(const struct heap *heap, uint32_t binding, uint64_t due_ns)
{
    uint32_t found = 0;

    for (uint32_t place = heap->count; place-- > 0;) {
        if (heap->entries[place].binding == binding) {
            found += heap->entries[place].due_ns == due_ns ? 1 : 2;
        }
    }
    return found == (due_ns != HEAP_NOT_IN);
}
