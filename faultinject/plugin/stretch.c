/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rule: what begins a stretch follows from how the one before ended. After a reply comes a delivery; after an
 * invocation its result; after anything else (an interrupt, a fault that the kernel resolved) the stretch just goes on.
 */
#include "stretch.h"

#include "service.h"

enum { REPLY_BIT = 63, OWN_BIT = 31, OPERATION_MASK = 0xffff, SPACES_MAX = 32 };

static uint64_t system_call_entry;

/* What each address space was left with. Two services may have the same code, but never the same page tables. */
static struct space {
    uint64_t root;
    uint32_t incarnation;
    uint32_t end;
    uint32_t operation;
} spaces[SPACES_MAX];

void stretch_observe_system_calls(uint64_t entry_address)
{
    system_call_entry = entry_address;
}

static struct space *space_here(void)
{
    uint64_t root = machine_cr3();
    unsigned i = 0;

    while (i < SPACES_MAX - 1 && spaces[i].root && spaces[i].root != root) {
        i++;
    }
    spaces[i].root = root;
    return &spaces[i];
}

static uint32_t how_it_begins(const struct space *space, uint32_t incarnation)
{
    if (space->incarnation != incarnation) {
        return BEGIN_START;
    }
    if (space->end == END_INVOKE) {
        return BEGIN_RESULT;
    }
    if (space->end == END_REPLY) {
        uint32_t kind = (uint32_t)machine_register(RAX);

        return kind >> OWN_BIT ? BEGIN_CALL + (kind & ~(1u << OWN_BIT)) : BEGIN_CALL;
    }
    return BEGIN_CONTINUED;
}

struct timeline_stretch stretch_begin(int service)
{
    struct service_view view = {0};
    struct space *space = space_here();
    uint32_t begin;

    service_look(service, &view);
    begin = how_it_begins(space, view.incarnation);
    if (begin == BEGIN_CALL) {
        space->operation = (uint32_t)machine_register(R9) & OPERATION_MASK;
    } else if (begin == BEGIN_EVENT || begin == BEGIN_UNBIND || begin == BEGIN_START) {
        space->operation = OPERATION_NONE;
    }
    space->incarnation = view.incarnation;
    return (struct timeline_stretch){.start_ns = machine_time(),
                                     .service = service,
                                     .stage = view.stage,
                                     .serving_binding = view.serving_binding,
                                     .incarnation = view.incarnation,
                                     .begin = begin,
                                     .operation = space->operation};
}

void stretch_end(struct timeline_stretch *stretch)
{
    uint64_t selector = machine_register(RAX);

    stretch->end_ns = machine_time();
    if (system_call_entry && machine_register(REGISTER_RIP) == system_call_entry) {
        stretch->end = selector >> REPLY_BIT ? END_REPLY : END_INVOKE;
        stretch->selector = (uint32_t)selector;
        stretch->argument = stretch->end == END_INVOKE ? (uint32_t)machine_register(RDI) : 0;
    }
    space_here()->end = stretch->end;
}
