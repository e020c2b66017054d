/* SPDX-License-Identifier: MIT */
/* The fault plan of echo and which copy it is. Rule: state.h. */
#include "state.h"

#include "faults.h"
#include "servers/common/server.h"

struct fault_plan fault_plan SERVER_SCRATCH;

bool state_has_ssr;

void state_find_identity(void)
{
    struct pd_call call = {0};
    uint64_t echo0_name = 0x306f686365; /* "echo0", first character lowest */

    if (pd_invoke(SLOT_SELF_DOMAIN, DOMAIN_INFO, &call) != PD_OK) {
        server_panic(SERVER_PANIC_MANIFEST);
    }
    state_has_ssr = call.word[3] != echo0_name;
}

uint64_t fault_plan_try(uint32_t binding, uint64_t kind, uint64_t times)
{
    struct fault_order *order = &fault_plan.orders[binding % FAULT_PLAN_CLIENTS];

    if (order->kind != kind || order->times != times) {
        *order = (struct fault_order){.kind = kind, .times = times};
    }
    return ++order->tries;
}

void fault_plan_done(uint32_t binding)
{
    fault_plan.orders[binding % FAULT_PLAN_CLIENTS] = (struct fault_order){.kind = ECHO_FAULT_KINDS};
}

void fault_plan_recovery(uint32_t open_binding)
{
    bool ordered = open_binding ? fault_plan.recovery_binding == open_binding
                                : fault_plan.recovery_always != 0;

    if (!ordered) {
        return;
    }
    if (fault_plan.recovery_times == 1) {
        fault_plan.recovery_binding = 0;
        fault_plan.recovery_always = 0;
    }
    if (fault_plan.recovery_times > 0) {
        fault_plan.recovery_times--;
    }
    fault_write_null();
}
