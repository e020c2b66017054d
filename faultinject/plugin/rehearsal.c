/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deaths come so far apart that the services get on, and no service is given up for dying too often. */
#include "rehearsal.h"

#include "machine.h"
#include "service.h"

enum { DEATHS_EACH = 6, HANGS_AT = 2, DISTANCE_NS = 300000, RETRY_NS = 500 };
#define STRAY 0x510000000000ull

static struct {
    bool wanted;
    unsigned deaths;
    uint32_t died; /* the last incarnation that was to */
} services[SERVICES_MAX];
static bool any_wanted;
static int64_t over_at_ns;
static void (*over_handler)(void);
static uint64_t timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];

bool rehearsal_add(const char *name)
{
    int service = service_by_name(name);

    if (service != SERVICE_NONE) {
        services[service].wanted = any_wanted = true;
    }
    return service != SERVICE_NONE;
}

bool rehearsal_wanted(void)
{
    return any_wanted;
}

/* The service that is to die here, or SERVICE_NONE. */
static int victim(uint64_t rip)
{
    int service = machine_privilege() == 3 ? service_of_address(rip) : SERVICE_NONE;
    struct service_view view;

    if (service == SERVICE_NONE || !services[service].wanted || services[service].deaths == DEATHS_EACH ||
        !service_look(service, &view) || view.stage != STAGE_RUNNING || view.incarnation == services[service].died) {
        return SERVICE_NONE;
    }
    services[service].died = view.incarnation;
    return service;
}

static void step(struct CPUState *cpu, void *argument)
{
    static const uint8_t loop[] = {0xeb, 0xfe};
    uint64_t rip = machine_register(REGISTER_RIP);
    int service;

    (void)cpu;
    (void)argument;
    if (machine_time() >= over_at_ns) {
        over_handler();
        return;
    }
    service = victim(rip);
    if (service == SERVICE_NONE) {
        qemu.timer_mod_ns(timer, machine_time() + RETRY_NS);
        return;
    }
    if (services[service].deaths++ == HANGS_AT) {
        machine_write(rip, loop, sizeof(loop));
    } else {
        machine_set_register(REGISTER_RIP, STRAY);
    }
    qemu.timer_mod_ns(timer, machine_time() + DISTANCE_NS);
}

/* Always as queued work: where the machine is put back no timer may be running. */
static void step_due(void *argument)
{
    qemu.async_run_on_cpu(machine_cpu, step, argument);
}

void rehearsal_begin(int64_t length_ns, void (*over)(void))
{
    over_at_ns = machine_time() + length_ns;
    over_handler = over;
    qemu.timer_init_full(timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, step_due, NULL);
    qemu.timer_mod_ns(timer, machine_time() + RETRY_NS);
}

void rehearsal_end(void)
{
    qemu.timer_del(timer);
}
