/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts. Rule: an exception in user mode is either resolved (zero-fill, copy-on-write, first
 * use of the FPU) or ends who caused it: a program's domain, or a service's incarnation. One in the kernel ends
 * the machine. Services stay resident: a page of theirs that was there and is not is a fault of theirs.
 */
#include "kernel/trap.h"
#include "kernel/domain.h"
#include "kernel/invoke.h"
#include "kernel/notification.h"
#include "kernel/pager.h"
#include "kernel/service.h"
#include "kernel/x86_64/apic.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/descriptors.h"
#include "kernel/x86_64/log.h"
#include "kernel/x86_64/mmu.h"

#define PAGE_FAULT_WRITE (1u << 1)
#define PAGE_FAULT_FETCH (1u << 4)

static void thread_fault(struct thread *thread, uint64_t vector, uint64_t error, uint64_t address)
{
    struct domain *domain = thread->domain;

    if (thread->service) {
        service_fail(thread->service, &(struct failure){.cause = CAUSE_EXCEPTION, .vector = (uint32_t)vector,
                                                        .instruction = thread->rip, .address = address,
                                                        .error_code = error});
        return;
    }
    log_line("program %.*s: exception %lu at %lx, address %lx, stack %lx", (int)sizeof(domain->name), domain->name,
             vector, thread->rip, address, thread->rsp);
    domain->fault_instruction = thread->rip;
    domain->fault_address = address;
    domain_finish(domain, DOMAIN_FAULTED, vector);
}

/* True: the access may be tried again. */
static bool page_fault(struct thread *thread, uint64_t error, uint64_t address)
{
    uint8_t access = error & PAGE_FAULT_FETCH   ? RIGHT_USE | RIGHT_EXECUTE
                     : error & PAGE_FAULT_WRITE ? RIGHT_USE | RIGHT_WRITE
                                                : RIGHT_USE;
    struct mapping *mapping = domain_mapping(thread->domain, address);
    bool lost = false;
    int64_t status;

    if (mapping && mapping->segment) {
        uint32_t page = mapping->first_page + (uint32_t)((address - mapping->start) / PAGE_BYTES);
        bool own;

        lost = memory_frame(mapping->memory, page, &own);
    }
    status = domain_resolve(thread->domain, address, access);
    if (status == PD_AGAIN && !thread->service)
        return pager_ask(thread, address, access);
    if (status == PD_NO_QUOTA && reap_step()) /* what ended, but is not yet given back, may be enough */
        return true;
    if (status == PD_BUSY) { /* frozen for a call: let it end, whatever the priorities */
        thread_wait(thread, clock_now_ns() + TICK_NS);
        return true;
    }
    return status == PD_OK && !lost;
}

static void exception(struct thread *thread, uint64_t vector, uint64_t error)
{
    uint64_t address = 0;

    if (vector == VECTOR_PAGE_FAULT) {
        address = cpu_read_cr2();
        if (thread->page_lost)
            vector = FAULT_NO_PAGE;
        else if (page_fault(thread, error, address))
            return;
        thread->page_lost = false;
    } else if (vector == VECTOR_NO_DEVICE && !thread->service && sched_fpu_acquire(thread)) {
        return;
    }
    thread_fault(thread, vector, error, address);
}

static void interrupt(uint64_t vector)
{
    if (vector == VECTOR_TIMER)
        sched_tick();
    else if (vector >= VECTOR_IRQ && vector < VECTOR_IRQ + APIC_PINS)
        irq_raise((uint32_t)(vector - VECTOR_IRQ));
    if (vector != VECTOR_SPURIOUS)
        apic_end_of_interrupt();
}

struct thread *trap_dispatch(struct thread *thread, uint64_t vector, uint64_t error)
{
    if (vector < VECTOR_TIMER)
        exception(thread, vector, error);
    else
        interrupt(vector);
    return kernel_leave();
}

struct thread *kernel_trap_dispatch(uint64_t vector, uint64_t error, uint64_t instruction)
{
    struct cpu *cpu = cpu_local();

    if (vector < VECTOR_TIMER || cpu->current)
        panic("exception %lu in the kernel at %lx, error %lx, address %lx", vector, instruction, error,
              cpu_read_cr2());
    interrupt(vector);
    return kernel_leave();
}

bool kernel_idle(void)
{
    return reap_step();
}
