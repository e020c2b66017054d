/* SPDX-License-Identifier: MIT */
/* The monitor's work on one service. Rule: monitor.h. */
#include "monitor.h"

#include "abi/manifest.h"
#include "mode.h"
#include "perdure/boot.h"
#include "perdure/service.h"
#include "recovery/policy.h"
#include "servers/common/server.h"

/*
 * Steps of restoring are bounded by the image's pages; more than this is a service that cannot be restored.
 */
#define RESTORE_STEPS_MAXIMUM 100000

/* Codes of the monitor's panics, as the fault record shows them. */
#define MONITOR_PANIC_DECISION 0x6d6f0001 /* it decided in two ways */
#define MONITOR_PANIC_REFUSED  0x6d6f0002 /* the kernel refused what only a monitor at fault can ask */

static uint32_t service_slot(uint32_t number)
{
    return SLOT_SERVICES + number;
}

uint64_t monitor_all_services(void)
{
    uint64_t services = 0;

    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        if (manifest_services[number].kind == MANIFEST_SERVICE) {
            services |= 1ul << number;
        }
    }
    return services;
}

void monitor_watch(uint64_t services)
{
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        if (services & 1ul << number) {
            pd_service_set_supervisor(service_slot(number), SLOT_NOTIFICATION, 1ul << number);
        }
    }
}

/* All records that the kernel keeps, the newest first. */
static void read_history(uint32_t slot, struct fault_history *history)
{
    history->count = 0;
    history->ticks_per_s = pd_boot_info()->tsc_hz;
    while (history->count < POLICY_HISTORY_RECORDS &&
           pd_invoke_4(slot, SERVICE_RECORD, history->count, 0, 0, 0) == PD_OK) {
        memcpy(&history->records[history->count], server_message(), sizeof(struct fault_record));
        history->count++;
    }
}

/* Check code and restore data, step by step. */
static int64_t restore(uint32_t slot)
{
    for (uint32_t step = 0; step < RESTORE_STEPS_MAXIMUM; step++) {
        struct pd_call call = {0};
        int64_t status = pd_invoke(slot, SERVICE_RESTORE, &call);

        if (status != PD_OK || call.word[0] == 0) {
            return status;
        }
    }
    return PD_AGAIN;
}

/* A decision that costs somebody something is said aloud. */
static void announce(uint32_t number, const struct policy_decision *decision,
                     const struct fault_record *fault)
{
    static const char *const texts[] = {
        [POLICY_RESTART] = "restart",
        [POLICY_RESTART_WITHOUT_SSR] = "restart without the state of binding",
        [POLICY_POISON] = "poison: drop the request of binding",
        [POLICY_GIVE_UP] = "give up",
    };

    if (decision->action != POLICY_RESTART) {
        server_log("monitor: %s: %s %u (rule %s; cause %u, vector %u, at %lx)",
                   manifest_services[number].name, texts[decision->action], decision->binding, decision->rule,
                   fault->cause, fault->vector, fault->rip);
    }
}

static int64_t give_up(uint32_t slot)
{
    return pd_invoke_4(slot, SERVICE_GIVE_UP, 0, 0, 0, 0);
}

static int64_t carry_out(uint32_t slot, const struct policy_decision *decision,
                         const struct fault_record *fault)
{
    /* A service that was never ready has no state to recover. */
    uint64_t start = fault->stage == STAGE_FRESH_START ? RESTART_FRESH : RESTART_RECOVERED;
    enum recovery_mode mode = recovery_mode();
    int64_t status;

    if (decision->action == POLICY_GIVE_UP || mode == RECOVERY_NONE) {
        return give_up(slot);
    }
    /* Whatever these two answer will do: the request was dropped before, or its client is gone. */
    if (decision->action == POLICY_POISON) {
        pd_invoke_4(slot, SERVICE_POISON, decision->binding, 0, 0, 0);
    } else if (mode != RECOVERY_FULL && fault->binding != 0) {
        pd_invoke_4(slot, SERVICE_POISON, fault->binding, 0, 0, 0);
    }
    if (decision->action == POLICY_RESTART_WITHOUT_SSR) {
        pd_invoke_4(slot, SERVICE_QUARANTINE, decision->binding, 0, 0, 0);
    }
    status = restore(slot);
    if (status != PD_OK) {
        return status;
    }
    if (mode == RECOVERY_RESTART) {
        start = RESTART_FORGET;
    }
    return pd_invoke_4(slot, SERVICE_RESTART, start, 0, 0, 0);
}

/*
 * From the records alone. A decision that costs somebody something is made twice: a monitor that comes to two different
 * ones is itself at fault, and the next one decides.
 */
static struct policy_decision decide(uint32_t slot, struct fault_history *history)
{
    struct policy_decision decision = policy_decide(history);
    struct policy_decision again;

    if (decision.action == POLICY_RESTART) {
        return decision;
    }
    read_history(slot, history);
    again = policy_decide(history);
    if (again.action != decision.action || again.binding != decision.binding) {
        server_panic(MONITOR_PANIC_DECISION);
    }
    return decision;
}

static void bring_back(uint32_t number)
{
    uint32_t slot = service_slot(number);
    struct fault_history history;
    struct policy_decision decision;
    uint64_t stage, incarnation, restarts, bindings;
    int64_t status;

    if (pd_service_stats(slot, &stage, &incarnation, &restarts, &bindings) != PD_OK) {
        return;
    }
    read_history(slot, &history);
    if (history.count == 0) {
        return;
    }
    if (stage == STAGE_FAILED || stage == STAGE_RESTORING) {
        decision = decide(slot, &history);
        announce(number, &decision, &history.records[0]);
        status = carry_out(slot, &decision, &history.records[0]);
        /*
         * PD_BAD_STAGE: the stage has moved on without us, and a new failure will be told. PD_LOST: its image is damaged, and
         * the kernel has given it up. The kernel answers a monitor that is well nothing else.
         */
        if (status == PD_AGAIN) {
            server_log("monitor: %s cannot be restored", manifest_services[number].name);
            give_up(slot);
        } else if (status != PD_OK && status != PD_BAD_STAGE && status != PD_LOST) {
            server_log("monitor: %s is not brought back: %s", manifest_services[number].name, pd_status_text(status));
            server_panic(MONITOR_PANIC_REFUSED);
        }
    }
    pd_invoke_4(slot, SERVICE_ACKNOWLEDGE, history.records[0].index, 0, 0, 0);
}

void monitor_look_after(uint64_t services)
{
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        if (services & 1ul << number) {
            bring_back(number);
        }
    }
}
