/* SPDX-License-Identifier: MIT */
/* The operations of timer (abi/timer.toml). Rule: arguments first, then the SSR, then who waits; and nothing is answered that
 * is not confirmed. */
#include "servers/common/server.h"

#include "abi/posix_errno.h"
#include "confirm.h"
#include "perdure/boot.h"
#include "state.h"
#include "waiters.h"

/* From one look at the clock to the next in the same call; longer, and one of them was wrong. */
#define CALL_NS_MAXIMUM 1000000000u

static int64_t set(struct request *request, uint64_t now_ns)
{
    struct timer_ssr *ssr = server_ssr();
    struct timer_alarm *alarm = &ssr->alarms[request->words[0] % TIMER_ALARMS];
    uint64_t time_ns = request->words[1];
    uint64_t period_ns = request->words[2];
    uint64_t mode = request->words[3];

    if (request->words[0] >= TIMER_ALARMS || time_ns > TIMER_TIME_MAXIMUM || period_ns > TIMER_TIME_MAXIMUM ||
        (mode != TIMER_RELATIVE && mode != TIMER_ABSOLUTE)) {
        return -PE_INVAL;
    }
    request->reply[1] = alarm_remaining(alarm, now_ns);
    request->reply[2] = alarm->period_ns;
    ssr->magic = TIMER_MAGIC;
    alarm_set(alarm, time_ns && mode == TIMER_RELATIVE ? now_ns + time_ns : time_ns, period_ns);
    wait_changed(request->binding);
    return 0;
}

static int64_t get(struct request *request, uint64_t now_ns)
{
    const struct timer_ssr *ssr = server_ssr();
    const struct timer_alarm *alarm = &ssr->alarms[request->words[0] % TIMER_ALARMS];

    if (request->words[0] >= TIMER_ALARMS) {
        return -PE_INVAL;
    }
    request->reply[1] = alarm_remaining(alarm, now_ns);
    request->reply[2] = alarm->period_ns;
    request->reply[3] = alarm_count(alarm, now_ns);
    return 0;
}

static int64_t take(const struct request *request, uint64_t now_ns)
{
    if (request->words[0] >= TIMER_ALARMS) {
        return -PE_INVAL;
    }
    return (int64_t)alarms_take(server_ssr(), (uint32_t)request->words[0], now_ns);
}

static int64_t wait(struct request *request, uint64_t now_ns)
{
    uint64_t due_ns;
    uint32_t index = alarms_first(server_ssr(), request->words[0], &due_ns);

    if (request->words[0] >> TIMER_ALARMS || due_ns == ALARM_NEVER) {
        return -PE_INVAL;
    }
    if (due_ns <= now_ns) {
        request->reply[1] = alarms_take(server_ssr(), index, now_ns);
        request->reply[2] = due_ns;
        return index;
    }
    if (wait_mask(request->binding) != 0) {
        return -PE_BUSY;
    }
    return wait_until(request->binding, due_ns) ? SERVICE_DEFER : -PE_AGAIN;
}

static int64_t serve(struct request *request, uint64_t now_ns)
{
    switch (request->operation) {
    case TIMER_SET:
        return set(request, now_ns);
    case TIMER_GET:
        return get(request, now_ns);
    case TIMER_TAKE:
        return take(request, now_ns);
    case TIMER_WAIT:
        return wait(request, now_ns);
    default:
        return -PE_NOSYS;
    }
}

int64_t service_call(struct request *request)
{
    struct timer_ssr before = *(const struct timer_ssr *)server_ssr();
    uint64_t now_ns = pd_now_ns();

    request->reply[0] = (uint64_t)serve(request, now_ns);
    if (request->reply[0] == (uint64_t)SERVICE_DEFER) {
        wait_confirm(request);
    }
    wait_settle(false);
    /* Last, so that it sees what has become of the result and of the time until now. */
    if (!confirm_call(&before, server_ssr(), request, now_ns) || pd_now_ns() - now_ns > CALL_NS_MAXIMUM) {
        server_panic(TIMER_PANIC_CALL);
    }
    return (int64_t)request->reply[0]; /* from memory: it has been looked at there */
}
