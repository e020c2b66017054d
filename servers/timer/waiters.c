/* SPDX-License-Identifier: MIT */
/* Clients that wait. Rule: waiters.h. */
#include "waiters.h"

#include "abi/posix_errno.h"
#include "confirm.h"
#include "perdure/boot.h"
#include "servers/common/server.h"
#include "state.h"

#define EVENT_DUE 1

/* Events come at the tick after the time that was asked for; who is due for longer at the end of one has been overlooked. */
#define LATE_NS 2000000u

/* Answers, and open SSRs, of one transaction; the kernel has room for eight. */
#define ANSWERS_MAXIMUM 8

static struct heap heap;
static uint32_t answers; /* of this event */

/* The first of the alarms that are waited for. */
static uint32_t first_alarm(const struct timer_ssr *ssr, uint64_t mask, uint64_t *due_ns)
{
    uint32_t index = alarms_first(ssr, mask, due_ns);

    if (!confirm_first(ssr, mask, index, *due_ns)) {
        server_panic(TIMER_PANIC_FIRST);
    }
    return index;
}

uint64_t wait_mask(uint32_t binding)
{
    uint32_t operation;
    uint64_t words[3];

    return service_deferred(binding, &operation, words) == PD_OK && operation == TIMER_WAIT ? words[0] : 0;
}

bool wait_until(uint32_t binding, uint64_t due_ns)
{
    return heap_put(&heap, binding, due_ns);
}

void wait_changed(uint32_t binding)
{
    uint64_t due_ns;

    if (heap_has(&heap, binding)) {
        first_alarm(server_ssr(), wait_mask(binding), &due_ns);
        heap_put(&heap, binding, due_ns); /* the room that it had is still there */
    }
}

void wait_forget(uint32_t binding)
{
    heap_remove(&heap, binding);
}

/* Take what is due at `now_ns` of alarm `index`, the client's first, and answer it. */
static void hand_out(uint32_t binding, uint32_t index, uint64_t due_ns, uint64_t now_ns)
{
    struct timer_ssr *ssr = server_ssr();
    struct timer_ssr before = *ssr;
    uint64_t count = alarms_take(ssr, index, now_ns);

    if (service_answer(binding, index, count, due_ns) != PD_OK) {
        server_panic(SERVER_PANIC_DELIVERY); /* the expirations go back into the SSR */
    }
    if (count == 0 || !confirm_taken(&before, ssr, index, count, now_ns)) {
        server_panic(TIMER_PANIC_TAKEN); /* and the answer is not given */
    }
}

/* Answer a client that is due. One whose thread has ended waits for nothing any more. */
static void answer(uint32_t binding, uint64_t now_ns)
{
    uint64_t mask = wait_mask(binding);
    uint64_t due_ns;
    uint32_t index;
    int64_t status;

    answers++;
    heap_remove(&heap, binding);
    if (!confirm_waits(&heap, binding, HEAP_NOT_IN)) {
        server_panic(TIMER_PANIC_HEAP);
    }
    if (mask == 0) {
        return;
    }
    status = service_open_ssr(binding);
    if (status == PD_LOST) { /* locked away: it has its answer from the kernel */
        return;
    }
    if (status != PD_OK) {
        server_panic(TIMER_PANIC_STATE);
    }
    index = first_alarm(server_ssr(), mask, &due_ns);
    if (due_ns > now_ns) {
        heap_put(&heap, binding, due_ns);
    } else {
        hand_out(binding, index, due_ns, now_ns);
    }
    service_close_ssr();
}

void wait_answer_due(void)
{
    uint64_t now_ns = pd_now_ns();
    const struct heap_entry *first;

    while ((first = heap_first(&heap)) != NULL && first->due_ns <= now_ns && answers < ANSWERS_MAXIMUM) {
        answer(first->binding, now_ns);
    }
}

void wait_confirm(const struct request *request)
{
    if (!confirm_waits(&heap, request->binding, confirm_due(server_ssr(), request->words[0]))) {
        server_panic(TIMER_PANIC_FORGOTTEN);
    }
}

void wait_look(void)
{
    struct service_binding binding;

    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK; index++) {
        if (!(binding.flags & BINDING_DEFERRED) || heap_has(&heap, binding.binding)) {
            continue;
        }
        if (wait_mask(binding.binding) != 0) {
            server_panic(TIMER_PANIC_FORGOTTEN);
        }
        /* It waits for nothing: it was put off by mistake, and nobody else would ever tell it. */
        service_answer(binding.binding, -PE_AGAIN, 0, 0);
    }
}

void wait_settle(bool answered)
{
    uint64_t first_ns;

    if (!confirm_heap(&heap, &first_ns)) {
        server_panic(TIMER_PANIC_HEAP);
    }
    if (answered && answers < ANSWERS_MAXIMUM && first_ns != ALARM_NEVER && first_ns + LATE_NS < pd_now_ns()) {
        server_panic(TIMER_PANIC_LATE);
    }
    answers = 0;
    service_alarm(first_ns == ALARM_NEVER ? 0 : first_ns, EVENT_DUE);
}

bool wait_recover(uint32_t binding)
{
    uint64_t mask = wait_mask(binding);
    uint64_t due_ns;

    if (mask == 0) {
        return true;
    }
    first_alarm(server_ssr(), mask, &due_ns);
    return heap_put(&heap, binding, due_ns);
}
