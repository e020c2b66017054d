/* SPDX-License-Identifier: MIT */
/* User-level paging: see pager.h. The frame is lent to the pager and becomes the memory's when the reply has committed. */
#include "kernel/pager.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/x86_64/log.h"
#include "kernel/x86_64/mmu.h"

#define CALL_REGISTERS 10u /* rax to r10: those in which a call is are among them */

_Static_assert(offsetof(struct thread, r10) == (CALL_REGISTERS - 1) * 8, "they are one after the other");

/* What a thread waits for, and what it had in the registers in which the call is. */
struct page_request {
    uint64_t registers[CALL_REGISTERS];
    struct memory *memory;
    uint64_t *cell; /* of the memory, for the frame */
    uint64_t frame;
    bool lent;      /* a service has the frame in its window */
    bool done;
    bool filled;
};

/* Nobody has the frame any more, and what became of it is known. */
static void finish(struct domain *domain, struct page_request *request)
{
    struct memory *memory = request->memory;

    if (request->filled && !*request->cell) {
        *request->cell = request->frame;
        memory->resident++;
    } else if (request->frame) {
        frame_free(memory->object.payer, request->frame);
    }
    object_release(&memory->object);
    kernel_free(domain, request, sizeof(*request));
}

bool pager_ask(struct thread *thread, uint64_t address, uint8_t access)
{
    struct mapping *mapping = domain_mapping(thread->domain, address);
    struct memory *memory = pager_of(mapping->memory);
    uint32_t page = mapping->first_page + (uint32_t)((address - mapping->start) / PAGE_BYTES);
    struct page_request *request = kernel_allocate(thread->domain, sizeof(*request));
    const struct pager *pager = memory->pager;

    if (!request)
        return false;
    request->memory = memory;
    object_hold(&memory->object);
    request->cell = memory_cell(memory, page);
    request->frame = request->cell ? frame_allocate_zeroed(memory->object.payer) : 0;
    if (!request->frame) {
        finish(thread->domain, request);
        return false;
    }
    words_copy(request->registers, &thread->rax, CALL_REGISTERS);
    thread->asking = request;
    thread->rax = (uint64_t)pager->operation << INVOKE_OPERATION_SHIFT;
    thread->rdi = pager->word;
    thread->rsi = PAGE_BYTES;
    thread->rdx = pager->offset_bytes + (uint64_t)page * PAGE_BYTES;
    thread->r10 = access;
    thread->r8 = 1u << TRANSFER_LEND_SHIFT | TRANSFER_LEND_OUT;
    thread->r9 = address & ~(uint64_t)(PAGE_BYTES - 1);
    call_slow(thread, pager->portal);
    if (thread->asking && !thread_in_call(thread)) /* it could not begin */
        pager_done(thread);
    return true;
}

uint64_t pager_lend(struct thread *caller)
{
    caller->asking->lent = true;
    return caller->asking->frame;
}

void pager_returned(struct thread *caller, struct page_request *request)
{
    request->lent = false;
    if (request->done)
        finish(caller->domain, request);
}

void pager_done(struct thread *thread)
{
    struct page_request *request = thread->asking;
    int64_t status = (int64_t)thread->rax, result = (int64_t)thread->rdi;

    request->done = true;
    request->filled = !thread->object.dead && status == PD_OK && result >= 0;
    thread->asking = NULL;
    thread->page_lost = !request->filled;
    if (thread->page_lost && !thread->object.dead)
        log_line("program %.*s: page %lx is not there: its pager says %ld, %ld", (int)sizeof(thread->domain->name),
                 thread->domain->name, thread->r9, status, result);
    words_copy(&thread->rax, request->registers, CALL_REGISTERS);
    if (!request->lent)
        finish(thread->domain, request);
}

int64_t pager_set(struct thread *self, struct memory *memory)
{
    struct capability *argument = capability_at(&self->domain->table, self->rdi);
    struct domain *payer = memory->object.payer;

    if (argument->type != OBJECT_PORTAL)
        return argument->type == OBJECT_NONE ? PD_BAD_CAPABILITY : PD_WRONG_TYPE;
    if (self->rsi > UINT16_MAX || self->r10 % PAGE_BYTES || self->r10 > INT64_MAX || memory->physical)
        return PD_BAD_ARGUMENT;
    if (self->service || memory->pager || memory->frozen)
        return PD_BUSY;
    memory->pager = kernel_allocate(payer, sizeof(*memory->pager));
    if (!memory->pager)
        return PD_NO_QUOTA;
    *memory->pager = (struct pager){.portal = (struct portal *)argument->object, .operation = (uint32_t)self->rsi,
                                    .word = self->rdx, .offset_bytes = self->r10};
    object_hold(argument->object);
    return PD_OK;
}

void pager_forget(struct memory *memory)
{
    struct portal *portal = memory->pager ? memory->pager->portal : NULL;

    if (!portal)
        return;
    if (!portal->object.dead && portal_names(portal) == 1) /* ours is a name, too */
        service_unbind(portal);
    object_release(&portal->object);
    kernel_free(memory->object.payer, memory->pager, sizeof(*memory->pager));
    memory->pager = NULL;
}
