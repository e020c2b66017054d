/* SPDX-License-Identifier: MIT */
/* The alarms of one client. Rule: state.h. */
#include "state.h"

void alarm_set(struct timer_alarm *alarm, uint64_t due_ns, uint64_t period_ns)
{
    alarm->due_ns = due_ns;
    alarm->period_ns = due_ns ? period_ns : 0;
}

uint64_t alarm_count(const struct timer_alarm *alarm, uint64_t now_ns)
{
    if (alarm->due_ns == 0 || now_ns < alarm->due_ns) {
        return 0;
    }
    return alarm->period_ns ? (now_ns - alarm->due_ns) / alarm->period_ns + 1 : 1;
}

uint64_t alarm_remaining(const struct timer_alarm *alarm, uint64_t now_ns)
{
    if (alarm->due_ns > now_ns) {
        return alarm->due_ns - now_ns;
    }
    if (alarm->due_ns == 0 || alarm->period_ns == 0) {
        return 0;
    }
    return alarm->period_ns - (now_ns - alarm->due_ns) % alarm->period_ns;
}

uint64_t alarms_take(struct timer_ssr *ssr, uint32_t index, uint64_t now_ns)
{
    struct timer_alarm *alarm = &ssr->alarms[index];
    uint64_t count = alarm_count(alarm, now_ns);

    if (count > 0) {
        alarm_set(alarm, alarm->period_ns ? alarm->due_ns + count * alarm->period_ns : 0, alarm->period_ns);
        ssr->taken += count;
    }
    return count;
}

uint32_t alarms_first(const struct timer_ssr *ssr, uint64_t mask, uint64_t *due_ns)
{
    uint32_t first = 0;

    *due_ns = ALARM_NEVER;
    for (uint32_t index = 0; index < TIMER_ALARMS; index++) {
        if (mask >> index & 1 && ssr->alarms[index].due_ns != 0 && ssr->alarms[index].due_ns < *due_ns) {
            *due_ns = ssr->alarms[index].due_ns;
            first = index;
        }
    }
    return first;
}

bool alarms_are_valid(const struct timer_ssr *ssr)
{
    if (ssr->magic != 0 && ssr->magic != TIMER_MAGIC) {
        return false;
    }
    for (uint32_t index = 0; index < TIMER_ALARMS; index++) {
        const struct timer_alarm *alarm = &ssr->alarms[index];

        if ((ssr->magic == 0 || alarm->due_ns == 0) && (alarm->due_ns != 0 || alarm->period_ns != 0)) {
            return false;
        }
        if (alarm->due_ns > 2 * TIMER_TIME_MAXIMUM || alarm->period_ns > TIMER_TIME_MAXIMUM) {
            return false;
        }
    }
    return ssr->magic != 0 || ssr->taken == 0;
}
