/* SPDX-License-Identifier: MIT */
/* Asking services to look at themselves. Rule: heartbeat.h. */
#include "heartbeat.h"

#include "abi/manifest.h"
#include "perdure/service.h"

#define NS_PER_US 1000u

bool heartbeat_is_between(uint64_t period_us, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t period_ns = period_us * NS_PER_US;

    return period_ns != 0 && from_ns / period_ns != to_ns / period_ns;
}

uint64_t heartbeat_next_ns(uint64_t longest_us, uint64_t now_ns)
{
    uint64_t next_ns = (now_ns / (longest_us * NS_PER_US) + 1) * longest_us * NS_PER_US;

    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        uint64_t period_ns = (uint64_t)manifest_services[number].heartbeat_us * NS_PER_US;

        if (period_ns != 0 && (now_ns / period_ns + 1) * period_ns < next_ns) {
            next_ns = (now_ns / period_ns + 1) * period_ns;
        }
    }
    return next_ns;
}

void heartbeat_ask(uint64_t from_ns, uint64_t to_ns)
{
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        if (heartbeat_is_between(manifest_services[number].heartbeat_us, from_ns, to_ns)) {
            pd_service_check(SLOT_SERVICES + number); /* PD_BAD_STAGE: it is being brought back as it is */
        }
    }
}
