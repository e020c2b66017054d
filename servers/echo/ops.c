/* SPDX-License-Identifier: MIT */
/*
 * The operations of echo (abi/echo.toml).
 *
 * Rule: those that are measured (NULL, ADD4, TOUCH) do what their line says and not one thing more; the
 * others are kept out of line, so that no register is saved for their sake.
 */
#include "servers/common/server.h"

#include "abi/posix_errno.h"
#include "faults.h"
#include "state.h"

static int64_t add4(struct request *request)
{
    const uint64_t *words = request->words;

    request->reply[1] = words[0];
    request->reply[2] = words[1];
    request->reply[3] = words[2];
    return (int64_t)(words[0] + words[1] + words[2] + words[3]);
}

static inline void fill(uint64_t *words, uint64_t value, uint64_t count)
{
    __asm__ volatile("rep stosq" : "+D"(words), "+c"(count) : "a"(value) : "memory");
}

static int64_t touch(struct request *request)
{
    struct echo_ssr *ssr = server_ssr();
    uint64_t bytes = request->words[0];

    if (!state_has_ssr || bytes > sizeof(ssr->touched) || bytes % sizeof(uint64_t) != 0) {
        return -PE_INVAL;
    }
    ssr->calls++;
    fill(ssr->touched, ssr->calls, bytes / sizeof(uint64_t));
    return (int64_t)ssr->calls;
}

static __attribute__((noinline)) int64_t message(struct request *request)
{
    uint8_t *bytes = server_message();

    for (uint32_t index = 0; index < request->message_bytes; index++) {
        bytes[index]++;
    }
    request->reply_bytes = request->message_bytes;
    return request->message_bytes;
}

static __attribute__((noinline)) int64_t lend(struct request *request)
{
    uint64_t *page = server_lent();
    uint64_t sum = 0;

    if (request->lent_pages == 0) {
        return -PE_INVAL;
    }
    for (uint32_t index = 0; index < request->lent_pages; index++, page += PAGE_BYTES / sizeof(uint64_t)) {
        if (request->lent_flags == REQUEST_LENT_OUT) {
            *page = request->words[0];
        }
        sum += *page;
    }
    return (int64_t)(sum & INT64_MAX);
}

/*
 * words[0] the kind, words[1] how often (0: always). The kinds that go on in recovery fault here once and
 * spend `times` on recoveries.
 */
static __attribute__((noinline)) int64_t fault(struct request *request)
{
    uint64_t kind = request->words[0];
    uint64_t times = request->words[1];
    bool in_recovery = kind == ECHO_FAULT_RECOVERY || kind == ECHO_FAULT_RECOVERY_ALWAYS;
    uint64_t try_number;

    if (kind >= ECHO_FAULT_KINDS || (kind == ECHO_FAULT_RANGE && !state_has_ssr)) {
        return -PE_INVAL;
    }
    try_number = fault_plan_try(request->binding, kind, times);
    if ((in_recovery && try_number > 1) || (!in_recovery && times != 0 && try_number > times)) {
        fault_plan_done(request->binding);
        return 0;
    }
    fault_commit(request, kind, try_number);
    return 0;
}

int64_t service_call(struct request *request)
{
    switch (request->operation) {
    case ECHO_NULL:
        return 0;
    case ECHO_ADD4:
        return add4(request);
    case ECHO_TOUCH:
        return touch(request);
    case ECHO_MESSAGE:
        return message(request);
    case ECHO_LEND:
        return lend(request);
    case ECHO_FAULT:
        return fault(request);
    default:
        return -PE_NOSYS;
    }
}
