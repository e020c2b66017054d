/* SPDX-License-Identifier: MIT */
/* Clients that wait. Rule: waiters.h. */
#include "waiters.h"

#include "heap.h"
#include "perdure/boot.h"
#include "servers/common/server.h"
#include "state.h"

#define EVENT_DUE 1

/* Codes of the panics, as the fault record shows them. */
#define TIMER_PANIC_FIRST 0x746d0001 /* the first alarm of a client is not the same twice */
#define TIMER_PANIC_STATE 0x746d0002 /* the state of a client that waits cannot be opened */

/* Answers, and open SSRs, of one transaction; the kernel has room for eight. */
#define ANSWERS_MAXIMUM 8

static struct heap heap;

void wait_arm(void)
{
    const struct heap_entry *first = heap_first(&heap);

    service_alarm(first && first->due_ns != ALARM_NEVER ? first->due_ns : 0, EVENT_DUE);
}

/* The first of the alarms that are waited for: looked for twice, for a client whose alarm is missed waits for ever. */
static uint32_t first_alarm(const struct timer_ssr *ssr, uint64_t mask, uint64_t *due_ns)
{
    uint64_t again_ns;
    uint32_t index = alarms_first(ssr, mask, due_ns);

    if (alarms_first(ssr, mask, &again_ns) != index || again_ns != *due_ns) {
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
    if (!heap_put(&heap, binding, due_ns)) {
        return false;
    }
    wait_arm();
    return true;
}

void wait_changed(uint32_t binding)
{
    uint64_t due_ns;

    if (heap_has(&heap, binding)) {
        first_alarm(server_ssr(), wait_mask(binding), &due_ns);
        heap_put(&heap, binding, due_ns); /* the room that it had is still there */
        wait_arm();
    }
}

void wait_forget(uint32_t binding)
{
    if (heap_has(&heap, binding)) {
        heap_remove(&heap, binding);
        wait_arm();
    }
}

/* Answer a client that is due. One whose thread has ended waits for nothing any more. */
static void answer(uint32_t binding, uint64_t now_ns)
{
    uint64_t mask = wait_mask(binding);
    struct timer_ssr *ssr = server_ssr();
    uint64_t due_ns;
    uint32_t index;
    int64_t status;

    heap_remove(&heap, binding);
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
    index = first_alarm(ssr, mask, &due_ns);
    if (due_ns > now_ns) {
        heap_put(&heap, binding, due_ns);
    } else if (service_answer(binding, index, alarms_take(ssr, index, now_ns), due_ns) != PD_OK) {
        server_panic(SERVER_PANIC_DELIVERY); /* the expirations go back into the SSR */
    }
    service_close_ssr();
}

void wait_answer_due(void)
{
    uint64_t now_ns = pd_now_ns();
    const struct heap_entry *first;
    uint32_t answers = 0;

    while ((first = heap_first(&heap)) != NULL && first->due_ns <= now_ns && answers++ < ANSWERS_MAXIMUM) {
        answer(first->binding, now_ns);
    }
    wait_arm();
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
