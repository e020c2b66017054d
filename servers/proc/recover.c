/* SPDX-License-Identifier: MIT */
/*
 * Recovery of proc: check the table, count who holds what, find out who waits.
 *
 * Rule: the table is the kernel's to protect and is believed; a client whose own region is damaged is locked away, and its
 * process ends with its client.
 */
#include "servers/common/server.h"

#include "ending.h"
#include "waiters.h"

/* Whether a client's region fits the table. Its process, NULL if it has not started. */
static bool client_is_valid(const struct proc_ssr *ssr, uint32_t binding, struct proc_process **process)
{
    *process = NULL;
    if (ssr->magic == 0) {
        return ssr->place == 0 && ssr->process == 0;
    }
    if (ssr->magic != PROC_MAGIC || ssr->place >= PROC_PROCESSES) {
        return false;
    }
    *process = &proc_region()->processes[ssr->place];
    return (*process)->number == ssr->process && (*process)->binding == binding;
}

/* A client can go without a last transaction if its region was damaged; then its process has ended, too. */
static void end_the_lost(uint64_t seen)
{
    struct proc_process *table = proc_region()->processes;

    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        if (table[place].binding && !(seen >> place & 1)) {
            process_end(&table[place]);
        }
    }
}

/* The places of the processes whose binding this is. */
static uint64_t places_of(uint32_t binding)
{
    uint64_t places = 0;

    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        places |= (uint64_t)(proc_region()->processes[place].binding == binding) << place;
    }
    return places;
}

void service_start_recovered(void)
{
    struct service_binding binding;
    uint64_t seen = 0;

    if (proc_region()->magic == 0) {
        service_start_fresh(); /* the first start never came to its end */
        return;
    }
    if (!region_is_valid(proc_region())) {
        server_panic(SERVER_PANIC_REGION);
    }
    holders_count(&holders);
    for (uint32_t index = 0; service_enumerate(index, &binding) == PD_OK; index++) {
        int64_t status = binding.flags & BINDING_QUARANTINED ? PD_LOST : service_open_ssr(binding.binding);
        struct proc_process *process;
        bool valid;

        seen |= places_of(binding.binding);
        if (status == PD_LOST) {
            continue;
        }
        if (status != PD_OK) {
            server_panic(SERVER_PANIC_RECOVERY);
        }
        valid = client_is_valid(server_ssr(), binding.binding, &process);
        if (valid && process && binding.flags & BINDING_DEFERRED) {
            waiters_recover(process);
        }
        service_close_ssr();
        if (!valid) {
            service_quarantine(binding.binding);
        }
    }
    end_the_lost(seen);
    /* What the dead incarnation was about to do after a commit; in an event, when everybody is back. */
    pd_invoke_4(SLOT_NOTIFICATION, NOTIFICATION_SIGNAL, EVENT_SERVE | EVENT_TIME, 0, 0, 0);
}
