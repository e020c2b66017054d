/* SPDX-License-Identifier: MIT */
/* The causal trace of each recovery: detect, park, decide, restore, start, ready, rerun, reply. Rule: a trace is
 * begun by each failure and ended by the first reply that the parked call gets, or, when no call was parked, by
 * the new incarnation's being ready. A failure before that supersedes it: flag TRACE_SUPERSEDED. */
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/cpu.h"

void __attribute__((noinline)) trace_recovery_complete(const struct recovery_record *record)
{
    __asm__ volatile("" : : "r"(record) : "memory");
}

struct recovery_record *trace_current(struct service *service)
{
    return &service->traces[service->trace_count % SERVICE_TRACES];
}

struct recovery_record *trace_begin(struct service *service, const struct failure *failure)
{
    struct recovery_record *record;

    if (service->tracing) {
        trace_current(service)->flags |= TRACE_SUPERSEDED;
        trace_end(service);
    }
    record = trace_current(service);
    *record = (struct recovery_record){
        .service = service->number,
        .incarnation = service->incarnation + 1,
        .cause = failure->cause,
        .fault_rip = failure->instruction,
        .fault_address = failure->address,
        .t_fault = cpu_timestamp(),
        .binding = service->portal ? service->portal->binding : 0,
        .operation = service->caller ? (uint32_t)(service->caller->rax & UINT32_MAX) >> INVOKE_OPERATION_SHIFT : 0,
    };
    service->tracing = 1;
    service->traced = service->caller;
    return record;
}

void trace_end(struct service *service)
{
    struct recovery_record *record = trace_current(service);

    if (!service->tracing)
        return;
    service->tracing = 0;
    service->trace_count++;
    trace_recovery_complete(record);
}
