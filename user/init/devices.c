/* SPDX-License-Identifier: MIT */
/* Devices of the manifest, made from the one capability for the machine. Rule: a service gets the ports and the line it is
 * listed with, and nothing wider. */
#include "init.h"
#include "perdure/domain.h"
#include "perdure/service.h"
#include "perdure/syscall.h"

/* Whether init holds a capability in `slot`. */
static int present(uint32_t slot)
{
    uint64_t type;
    uint64_t rights;
    uint64_t badge;

    return pd_identify(slot, &type, &rights, &badge) == PD_OK;
}

/* Hand the capability in `source` on and forget it. */
static void hand_over(uint32_t source, uint32_t domain, uint32_t slot, uint64_t rights, const char *name)
{
    init_check(pd_copy(SLOT_SELF_DOMAIN, source, domain, slot, rights, 0), "handing over a device", name);
}

static void give_ports(const struct manifest_device *device, uint32_t domain, const char *name)
{
    init_check(pd_invoke_4(SLOT_MACHINE, IOPORT_CREATE_RANGE, SLOT_SCRATCH, device->first, device->count, 0),
               "making the port range", name);
    hand_over(SLOT_SCRATCH, domain, device->slot, RIGHT_USE | RIGHT_WRITE, name);
    pd_delete(SLOT_SELF_DOMAIN, SLOT_SCRATCH);
}

static void give_line(const struct manifest_device *device, uint32_t domain, const char *name)
{
    init_check(pd_invoke_4(SLOT_MACHINE, IOPORT_CREATE_IRQ, SLOT_SCRATCH, device->first, 0, 0),
               "making the interrupt line", name);
    hand_over(SLOT_SCRATCH, domain, device->slot, RIGHT_USE | RIGHT_MANAGE, name);
    pd_delete(SLOT_SELF_DOMAIN, SLOT_SCRATCH);
}

/* The notification of a service, by which interrupts and other services make events of it; made when it is first asked for. */
static uint32_t notification_of(const struct manifest_service *service)
{
    uint32_t slot = SLOT_NOTIFICATIONS + service->number;

    if (!present(slot)) {
        init_check(pd_create_notification(SLOT_SELF_DOMAIN, slot), "the notification", service->name);
        init_check(pd_service_bind_notification(SLOT_SERVICES + service->number, slot), "binding the notification",
                   service->name);
    }
    return slot;
}

void devices_give(const struct manifest_service *service, uint32_t domain)
{
    int lines = 0;

    for (uint32_t index = 0; index < service->device_count; index++) {
        const struct manifest_device *device = &service->devices[index];

        switch (device->kind) {
        case DEVICE_IOPORT:
            give_ports(device, domain, service->name);
            break;
        case DEVICE_IRQ:
            give_line(device, domain, service->name);
            lines++;
            break;
        case DEVICE_DISK:
            if (present(SLOT_DISK)) {
                hand_over(SLOT_DISK, domain, device->slot, RIGHT_USE | RIGHT_WRITE, service->name);
            }
            break;
        case DEVICE_NOTIFICATION: /* devices_connect */
            break;
        default:
            init_fail("a device of unknown kind", service->name, PD_BAD_ARGUMENT);
        }
    }
    if (lines) {
        hand_over(notification_of(service), domain, SLOT_NOTIFICATION, RIGHT_USE | RIGHT_WRITE, service->name);
    }
}

void devices_connect(const struct manifest_service *service, uint32_t domain)
{
    for (uint32_t index = 0; index < service->device_count; index++) {
        const struct manifest_device *device = &service->devices[index];

        if (device->kind == DEVICE_NOTIFICATION && service_present(device->first)) {
            hand_over(notification_of(&manifest_services[device->first]), domain, device->slot, RIGHT_USE | RIGHT_WRITE,
                      service->name);
        }
    }
}
