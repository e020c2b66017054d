/* SPDX-License-Identifier: MIT */
/* Notifications: 64 bits that are set asynchronously and taken by who waits, or by a service as an event; or a counting
 * semaphore, whose units are taken one by one.
 * Rule: a bit or unit that was signalled stays until it is taken; what a service took comes back when its transaction is
 * rolled back. An interrupt line bound to a notification stays masked until its bit has been dealt with.
 */
#pragma once
#include "kernel/object.h"

struct notification {
    struct object object;
    uint64_t bits;       /* of a semaphore: units */
    uint8_t semaphore;
    struct thread *waiters, *waiters_tail; /* the one that waits longest is the first */
    struct service *service; /* takes the bits as events */
    struct irq *irqs;        /* lines that signal it */
};

struct irq {
    struct object object;
    uint32_t line; /* global system interrupt */
    uint64_t bits;
    struct notification *notification;
    struct irq *next;
};

struct ioport {
    struct object object;
    uint16_t first;
    uint16_t count;
};

struct notification *notification_create(struct domain *payer, bool semaphore, uint64_t units);

/* The kernel's own signal, which cannot be refused: a semaphore gets one unit, if it is not full. */
void notification_signal(struct notification *notification, uint64_t bits);
void notification_end(struct notification *notification);

/* The thread no longer waits for it. */
void notification_forget(struct notification *notification, struct thread *thread);

/* Interrupts whose bits are in `bits` may come again. */
void notification_unmask(struct notification *notification, uint64_t bits);

struct irq *irq_create(struct domain *payer, uint32_t line);
struct ioport *ioport_create(struct domain *payer, uint16_t first, uint16_t count);

/* Line `line` is asserted: mask it and signal. */
void irq_raise(uint32_t line);

struct capability;
void notification_invoke(struct thread *self, struct capability *capability, uint64_t operation);
void irq_invoke(struct thread *self, struct capability *capability, uint64_t operation);
void ioport_invoke(struct thread *self, struct capability *capability, uint64_t operation);
