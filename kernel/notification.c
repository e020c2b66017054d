/* SPDX-License-Identifier: MIT */
/* Notifications, interrupt lines and I/O ports: see notification.h. */
#include "kernel/notification.h"
#include "kernel/boot_information.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/address.h"
#include "kernel/x86_64/apic.h"
#include "kernel/x86_64/cpu.h"

static bool boot_memory_overlaps(uint64_t start, uint64_t bytes)
{
    for (uint32_t i = 0; i < boot_information.memory_ranges; i++) {
        const struct boot_memory_range *range = &boot_information.memory[i];

        if (start < range->start + range->bytes && start + bytes > range->start)
            return true;
    }
    return start < KERNEL_IMAGE_LIMIT; /* what lies there below the image is RAM, too */
}

static struct irq *lines[APIC_PINS];

struct notification *notification_create(struct domain *payer, bool semaphore, uint64_t units)
{
    struct notification *notification = object_create(payer, OBJECT_NOTIFICATION, sizeof(*notification));

    if (!notification)
        return NULL;
    notification->semaphore = semaphore;
    notification->bits = units;
    return notification;
}

/* Bits of `mask`, or a unit, if there is what is asked for. */
static uint64_t take(struct notification *notification, uint64_t mask)
{
    uint64_t taken = notification->semaphore ? notification->bits != 0 : notification->bits & mask;

    notification->bits -= taken;
    return taken;
}

/* Of a semaphore no more are woken than it has units. */
static void wake_waiters(struct notification *notification)
{
    struct thread **link = &notification->waiters, *previous = NULL;

    while (*link && notification->bits) {
        struct thread *thread = *link;
        uint64_t taken = take(notification, thread->wait_mask);

        if (!taken) {
            previous = thread;
            link = &thread->queue_next;
            continue;
        }
        *link = thread->queue_next;
        if (notification->waiters_tail == thread)
            notification->waiters_tail = previous;
        thread->waiting_for = NULL;
        thread_result(thread, PD_OK, taken, 0, 0);
        thread_wake(thread);
    }
}

void notification_signal(struct notification *notification, uint64_t bits)
{
    if (notification->service) {
        service_event(notification->service, bits);
        return;
    }
    if (!notification->semaphore)
        notification->bits |= bits;
    else if (notification->bits < SEMAPHORE_MAXIMUM)
        notification->bits++;
    wake_waiters(notification);
}

/* A program's: units of a semaphore are added all or not at all. */
static int64_t signal(struct notification *notification, uint64_t bits)
{
    if (!notification->semaphore) {
        notification_signal(notification, bits);
        return PD_OK;
    }
    if (bits > SEMAPHORE_STEP || bits > SEMAPHORE_MAXIMUM - notification->bits)
        return PD_TOO_LARGE;
    notification->bits += bits;
    wake_waiters(notification);
    return PD_OK;
}

void notification_forget(struct notification *notification, struct thread *thread)
{
    struct thread **link = &notification->waiters, *previous = NULL;

    while (*link != thread) {
        previous = *link;
        link = &(*link)->queue_next;
    }
    *link = thread->queue_next;
    if (notification->waiters_tail == thread)
        notification->waiters_tail = previous;
    thread->waiting_for = NULL;
}

void notification_end(struct notification *notification)
{
    while (notification->waiters) {
        struct thread *thread = notification->waiters;

        notification_forget(notification, thread);
        thread_status(thread, PD_DEAD);
        thread_wake(thread);
    }
    for (struct irq *irq = notification->irqs; irq; irq = irq->next) {
        ioapic_mask(irq->line);
        irq->notification = NULL;
    }
}

void notification_unmask(struct notification *notification, uint64_t bits)
{
    for (struct irq *irq = notification->irqs; irq; irq = irq->next)
        if (irq->bits & bits)
            ioapic_unmask(irq->line);
}

struct irq *irq_create(struct domain *payer, uint32_t line)
{
    struct irq *irq = object_create(payer, OBJECT_IRQ, sizeof(*irq));

    if (irq)
        irq->line = line;
    return irq;
}

struct ioport *ioport_create(struct domain *payer, uint16_t first, uint16_t count)
{
    struct ioport *ioport = object_create(payer, OBJECT_IOPORT, sizeof(*ioport));

    if (ioport) {
        ioport->first = first;
        ioport->count = count;
    }
    return ioport;
}

void irq_raise(uint32_t line)
{
    struct irq *irq = lines[line];

    ioapic_mask(line);
    if (irq && irq->notification)
        notification_signal(irq->notification, irq->bits);
}

static void wait(struct thread *self, struct notification *notification)
{
    uint64_t taken = take(notification, self->rdi);

    if (self->service && self->service->supervisor)
        monitor_ready(self->service);
    if (taken) {
        thread_result(self, PD_OK, taken, 0, 0);
    } else if (notification->object.dead) {
        thread_status(self, PD_DEAD);
    } else if (notification->service || (self->service && !self->service->supervisor)) {
        thread_status(self, PD_BUSY); /* a service takes bits as events; it never waits */
    } else {
        self->wait_mask = self->rdi;
        self->waiting_for = notification;
        self->queue_next = NULL;
        if (notification->waiters)
            notification->waiters_tail->queue_next = self;
        else
            notification->waiters = self;
        notification->waiters_tail = self;
        thread_wait(self, self->rsi);
    }
}

void notification_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct notification *notification = (struct notification *)capability->object;

    if (!(capability->rights & (operation == NOTIFICATION_SIGNAL ? RIGHT_WRITE : RIGHT_USE))) {
        thread_status(self, PD_NO_RIGHT);
        return;
    }
    if (notification->semaphore && operation != NOTIFICATION_SIGNAL && self->rdi != 1) {
        thread_status(self, operation <= NOTIFICATION_POLL ? PD_BAD_ARGUMENT : PD_BAD_OPERATION);
        return;
    }
    switch (operation) {
    case NOTIFICATION_SIGNAL:
        thread_status(self, signal(notification, self->rdi));
        return;
    case NOTIFICATION_WAIT:
        wait(self, notification);
        return;
    case NOTIFICATION_POLL:
        thread_result(self, PD_OK, take(notification, self->rdi), 0, 0);
        return;
    default:
        thread_status(self, PD_BAD_OPERATION);
    }
}

static void irq_bind(struct thread *self, struct irq *irq)
{
    struct capability *argument = capability_at(&self->domain->table, self->rdi);
    struct notification *notification = (struct notification *)argument->object;

    if (argument->type != OBJECT_NOTIFICATION) {
        thread_status(self, argument->type == OBJECT_NONE ? PD_BAD_CAPABILITY : PD_WRONG_TYPE);
    } else if (!(argument->rights & RIGHT_WRITE)) {
        thread_status(self, PD_NO_RIGHT);
    } else if (irq->notification || lines[irq->line]) {
        thread_status(self, PD_BUSY);
    } else {
        irq->notification = notification;
        irq->bits = self->rsi;
        irq->next = notification->irqs;
        notification->irqs = irq;
        lines[irq->line] = irq;
        object_hold(&irq->object);
        object_hold(&notification->object);
        /* ISA lines are edge-triggered and active high; the PCI ones (above 9 on a PC) are level-triggered. */
        ioapic_route(irq->line, (uint8_t)(VECTOR_IRQ + irq->line), self->rdx & 1, self->rdx & 2);
        ioapic_unmask(irq->line);
        thread_status(self, PD_OK);
    }
}

void irq_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct irq *irq = (struct irq *)capability->object;

    switch (operation) {
    case IRQ_BIND:
        if (capability->rights & RIGHT_MANAGE)
            irq_bind(self, irq);
        else
            thread_status(self, PD_NO_RIGHT);
        return;
    case IRQ_UNMASK:
        if (!(capability->rights & RIGHT_USE)) {
            thread_status(self, PD_NO_RIGHT);
            return;
        }
        if (irq->notification)
            ioapic_unmask(irq->line);
        thread_status(self, PD_OK);
        return;
    default:
        thread_status(self, PD_BAD_OPERATION);
    }
}

static uint64_t read_port(uint16_t port, uint64_t width)
{
    return width == 1 ? port_in8(port) : width == 2 ? port_in16(port) : port_in32(port);
}

static void write_port(uint16_t port, uint64_t width, uint64_t value)
{
    if (width == 1)
        port_out8(port, (uint8_t)value);
    else if (width == 2)
        port_out16(port, (uint16_t)value);
    else
        port_out32(port, (uint32_t)value);
}

static bool in_range(const struct ioport *range, uint64_t first, uint64_t count)
{
    return first >= range->first && first - range->first <= range->count && count <= range->count - (first - range->first);
}

/* Make an object out of a range: fewer ports, or, for the root domain, lines and registers of devices. */
static int64_t derive(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct ioport *range = (struct ioport *)capability->object;
    uint64_t first = self->rsi, count = self->rdx;
    struct capability *slot;
    struct object *object = NULL;
    uint8_t needed = operation == IOPORT_CREATE_RANGE ? RIGHT_MANAGE : RIGHT_SUPERVISE;
    int64_t status = capability_reserve(&self->domain->table, self->domain, self->rdi, &slot);

    if (!(capability->rights & needed))
        return PD_NO_RIGHT;
    if (status != PD_OK)
        return status;
    if (operation == IOPORT_CREATE_RANGE) {
        if (!count || !in_range(range, first, count))
            return PD_BAD_ARGUMENT;
        object = (struct object *)ioport_create(self->domain, (uint16_t)first, (uint16_t)count);
    } else if (operation == IOPORT_CREATE_IRQ) {
        if (first >= APIC_PINS)
            return PD_BAD_ARGUMENT;
        object = (struct object *)irq_create(self->domain, (uint32_t)first);
    } else {
        if (first % PAGE_BYTES || !count || count > MEMORY_MAX_PAGES || first >= PHYSICAL_MAP_BYTES ||
            count * PAGE_BYTES > PHYSICAL_MAP_BYTES - first || boot_memory_overlaps(first, count * PAGE_BYTES))
            return PD_BAD_ARGUMENT;
        object = (struct object *)memory_create_physical(self->domain, first, (uint32_t)count, true);
    }
    if (!object)
        return PD_NO_QUOTA;
    capability_fill(slot, object, (uint8_t)(RIGHT_ALL & ~RIGHT_SUPERVISE), 0, NULL);
    object_release(object);
    return PD_OK;
}

void ioport_invoke(struct thread *self, struct capability *capability, uint64_t operation)
{
    struct ioport *range = (struct ioport *)capability->object;
    uint64_t port = self->rdi, width = operation == IOPORT_OUT_STRING ? 1 : self->rsi;
    uint64_t value;
    uint8_t *bytes = self->message;

    if (operation >= IOPORT_CREATE_RANGE && operation <= IOPORT_CREATE_DEVICE_MEMORY) {
        thread_status(self, derive(self, capability, operation));
        return;
    }
    if (!(capability->rights & (operation == IOPORT_IN ? RIGHT_USE : RIGHT_WRITE))) {
        thread_status(self, PD_NO_RIGHT);
        return;
    }
    if ((width != 1 && width != 2 && width != 4) || !in_range(range, port, width)) {
        thread_status(self, PD_BAD_ARGUMENT);
        return;
    }
    switch (operation) {
    case IOPORT_IN:
        if (self->rdx >= MESSAGE_BYTES || self->rdx % sizeof(value)) {
            thread_status(self, PD_BAD_ARGUMENT);
            return;
        }
        value = read_port((uint16_t)port, width);
        if (self->rdx)
            *(uint64_t *)(void *)(bytes + self->rdx) = value;
        thread_result(self, PD_OK, value, 0, 0);
        return;
    case IOPORT_OUT:
        write_port((uint16_t)port, width, self->rdx);
        thread_status(self, PD_OK);
        return;
    case IOPORT_OUT_STRING:
        if (self->rsi > MESSAGE_BYTES) {
            thread_status(self, PD_BAD_ARGUMENT);
            return;
        }
        for (uint64_t i = 0; i < self->rsi; i++) {
            port_out8((uint16_t)port, bytes[i]);
            bytes[i] = 0;
        }
        thread_status(self, PD_OK);
        return;
    default:
        thread_status(self, PD_BAD_OPERATION);
    }
}
