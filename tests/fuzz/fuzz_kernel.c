/* SPDX-License-Identifier: MIT */
/* sources: tests/fuzz/kernel_host.c kernel/ ssr/ssr.c kernel/x86_64/mmu.c */
/* except: kernel/main.c kernel/root.c kernel/trap.c kernel/fastpath.c */
/* flags: -Itests/fuzz/host */
/* runs: 20000 */
/*
 * The kernel itself, on the build machine: any bytes as a history of system calls, replies, faults and ticks. Its C files are
 * linked as they are, but for the entries and the fast path; memory is a range of this process, the processor does nothing.
 *
 * Rule: whoever the kernel says runs next makes the next call. All the time no domain has more than its quota and
 * whatever is named exists; when the history is over everything ends, and then every frame and every piece of kernel memory is free again.
 */
#include <asm/prctl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/boot_information.h"
#include "kernel/capability.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/invoke.h"
#include "kernel/pager.h"
#include "kernel/service.h"
#include "kernel/thread.h"
#include "kernel/transaction.h"
#include "kernel/x86_64/clock.h"
#include "tests/fuzz/fuzz.h"

#define MEMORY_BYTES (16ul << 20)
#define ROOT_PAGES 2048
#define ROOT_PRIORITY 12
#define RETURN_ADDRESS 0x401002 /* behind a syscall instruction, which has two bytes */
#define STEPS_MAXIMUM 400
#define IDLE_TICKS 30
#define CHECK_EVERY 8
#define TICK 1000000

struct boot_information boot_information;
uint64_t kernel_page_table[512] __attribute__((aligned(4096)));
uint64_t host_cr3, host_ticks;

static struct cpu cpu;
static struct domain *root;
static uint64_t frames_at_start, chunks_at_start;

/* Words that mean something more often than chance would have it. */
static const uint64_t constants[] = {
    0x10000000, 0x10001000, 0x20000000, 0x400000, WINDOW_SSR, WINDOW_REGION, WINDOW_LEND, WINDOW_MESSAGE, WINDOW_OUTBOX,
    USER_ADDRESS_LIMIT, USER_ADDRESS_LIMIT - 4096, 1ul << 63, UINT64_MAX, INT64_MAX, 0xffffffff, 0x100000000, 4096, 16384, 4095,
    RIGHT_ALL, RIGHT_ALL & ~RIGHT_SUPERVISE, 256, 512, 1ul << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN,
    2ul << TRANSFER_LEND_SHIFT | TRANSFER_LEND_OUT, 20000, 1000000000, 2000000000, REPLY_DEFER, REPLY_AGAIN};
#define CONSTANTS (sizeof constants / sizeof constants[0])

static uint64_t take_word(struct fuzz_input *input)
{
    return fuzz_take_word(input, constants, CONSTANTS);
}

/* What entry.S and fastpath.c do with a system call, all of it the slow way. */
static struct thread *dispatch(struct thread *self)
{
    uint64_t selector = self->rax, operation = (selector & UINT32_MAX) >> INVOKE_OPERATION_SHIFT;
    struct capability *capability;

    if ((int64_t)selector < 0) {
        return reply_slow(self);
    }
    capability = capability_at(&self->domain->table, selector & INVOKE_SLOT_MASK);
    if (capability->type == OBJECT_PORTAL) {
        return call_slow(self, (struct portal *)capability->object);
    }
    if (operation == OBJECT_IDENTIFY && capability->type != OBJECT_NONE) {
        thread_result(self, PD_OK, capability->type, capability->rights, capability->badge);
        return self;
    }
    return invoke_object(self, capability, operation);
}

/* A server writes to what it has in its windows: the processor notes that in the page's entry. */
static void write_windows(struct service *service, uint64_t value)
{
    static const unsigned entries[] = {0, WINDOW_REGION_ENTRY};
    uint64_t *entry = &service->window[entries[value & 1]];

    if (*entry & PTE_PRESENT && *entry & PTE_WRITABLE) {
        *entry |= PTE_DIRTY;
        ((uint64_t *)physical_to_pointer(*entry & PTE_ADDRESS))[value >> 1 & 31] = value;
    }
}

static struct thread *fault(struct thread *self, uint64_t how)
{
    if (self->service) {
        service_fail(self->service, &(struct failure){.cause = CAUSE_EXCEPTION, .vector = 14, .instruction = how});
    } else if (self->domain != root) {
        domain_finish(self->domain, DOMAIN_FAULTED, 14);
    }
    return kernel_leave();
}

static struct thread *tick(void)
{
    host_ticks += TICK;
    sched_tick();
    return kernel_leave();
}

/* What a page fault does that is resolved. */
static void touch(struct thread *self, uint64_t address, uint8_t access)
{
    self->page_lost = false;
    if (domain_resolve(self->domain, address, access) == PD_AGAIN && !self->service) {
        pager_ask(self, address, access);
    }
}

/* One step of `self`, as the input has it. */
static struct thread *step(struct thread *self, struct fuzz_input *input)
{
    uint64_t kind = fuzz_take(input, 1);
    uint64_t *words[] = {&self->rdi, &self->rsi, &self->rdx, &self->r10, &self->r8, &self->r9};

    if (kind >= 250) {
        return tick();
    }
    if (kind >= 245) {
        return fault(self, kind);
    }
    if (kind >= 240) {
        touch(self, take_word(input) & ~4095ul, RIGHT_USE | (kind & RIGHT_WRITE));
        return kernel_leave();
    }
    if (self->service && kind < 120) {
        write_windows(self->service, take_word(input));
        self->rax = 1ull << REPLY_SYSCALL_BIT | (kind % 12 == 0 ? take_word(input) : kind % 12 < 3 ? kind % 12 : 0);
        self->r8 = kind % 5 ? 0 : take_word(input);
        return dispatch(self);
    }
    self->rax = fuzz_take(input, 1);
    self->rax |= fuzz_take(input, 1) << INVOKE_OPERATION_SHIFT;
    for (unsigned index = 0; index < 6; index++) {
        *words[index] = index < kind % 7 ? take_word(input) : 0;
    }
    return dispatch(self);
}

/* Whoever names an object has a reference to it, and it is what its name says. */
static void check_named(const struct object *object, uint8_t type)
{
    fuzz_must(object->references > 0 && object->references < 100000 && object->type == type);
}

static void check_domain(struct domain *domain)
{
    fuzz_must(domain->used_bytes <= domain->quota_bytes);
    for (unsigned slot = 0; slot < FUZZ_SMALL; slot++) { /* those that one byte of input names */
        const struct capability *capability = capability_at(&domain->table, slot);

        if (capability->type != OBJECT_NONE) {
            check_named(capability->object, capability->type);
        }
    }
    for (uint32_t index = 0; index < domain->mapping_count; index++) {
        check_named(&domain->mappings[index].memory->object, OBJECT_MEMORY);
    }
    for (struct thread *thread = domain->threads; thread; thread = thread->domain_next) {
        check_named(&thread->object, OBJECT_THREAD);
    }
    for (struct domain *child = domain->children; child; child = child->sibling_next) {
        check_domain(child);
    }
}

static void run(struct fuzz_input *input)
{
    struct thread *current = kernel_leave();
    unsigned idle = 0;

    for (unsigned steps = 0; steps < STEPS_MAXIMUM && input->bytes && idle < IDLE_TICKS; steps++) {
        if (!current) {
            current = tick();
            idle++;
            continue;
        }
        idle = 0;
        fuzz_must(current->state == THREAD_RUNNABLE && cpu.current == current && cpu.root == current->domain->root);
        if (current->rip != RETURN_ADDRESS - 2) { /* else its call is made again as it is */
            current->rip = RETURN_ADDRESS;
            current = step(current, input);
        } else {
            current->rip = RETURN_ADDRESS;
            current = dispatch(current);
        }
        if (root->state != DOMAIN_ALIVE) {
            return;
        }
        if (steps % CHECK_EVERY == 0) {
            check_domain(root);
        }
    }
}

static void give(uint64_t slot, struct object *object, uint8_t rights)
{
    struct capability *capability;

    fuzz_must(object && capability_reserve(&root->table, root, slot, &capability) == PD_OK);
    capability_fill(capability, object, rights, 0, NULL);
}

/* As kernel/main.c does it, but that the machine belongs to nobody. */
static void root_begin(void)
{
    struct thread *thread;
    struct sched_context *context;

    root = domain_create(NULL, ROOT_PAGES, false);
    thread = thread_create(root);
    context = sched_context_create(root);
    thread_prepare(thread, RETURN_ADDRESS, 0x7f000000, 0);
    sched_context_set_priority(context, ROOT_PRIORITY);
    root->priority_limit = PRIORITY_MAXIMUM;
    context->thread = thread;
    thread->context = context;
    object_hold(&context->object);
    give(SLOT_SELF_DOMAIN, &root->object, RIGHT_ALL & ~RIGHT_SUPERVISE);
    give(SLOT_SELF_THREAD, &thread->object, RIGHT_ALL);
    give(SLOT_SCHED_CONTEXT, &context->object, RIGHT_ALL);
    object_release(&thread->object);
    object_release(&context->object);
    thread_wake(thread);
}

/* The youngest first: a service that has pages of its client would be waited for, and nobody runs it any more. */
static void end_family(struct domain *domain)
{
    while (domain->children) {
        end_family(domain->children);
    }
    domain_finish(domain, DOMAIN_KILLED, 0);
}

static void root_finish(void)
{
    end_family(root);
    cpu.current = NULL;
    for (unsigned round = 0; reap_step() || round < 4; round++) {
        tick();
        fuzz_must(round < 100000);
    }
    object_release(&root->object);
    while (reap_step()) {
    }
    fuzz_must(!cpu.ready_mask);
    if (frame_count_free() != frames_at_start || kernel_chunks() != chunks_at_start) {
        fprintf(stderr, "%ld frames and %ld pieces are not free again\n", (long)(frames_at_start - frame_count_free()),
                (long)(kernel_chunks() - chunks_at_start));
        abort();
    }
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
    struct fuzz_input input = {data, bytes};

    cpu = (struct cpu){.self = &cpu, .accounted_ticks = host_ticks};
    root_begin();
    run(&input);
    root_finish();
}

void fuzz_begin(void)
{
    void *memory = mmap((void *)PHYSICAL_MAP_BASE, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    fuzz_must(memory == (void *)PHYSICAL_MAP_BASE);
    fuzz_must(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu) == 0); /* cpu_local() */
    host_ticks = TICK;
    cpu = (struct cpu){.self = &cpu};
    boot_information.memory_ranges = 1;
    boot_information.memory_bytes = MEMORY_BYTES - PAGE_BYTES;
    boot_information.memory[0].start = PAGE_BYTES;
    boot_information.memory[0].bytes = MEMORY_BYTES - PAGE_BYTES;
    frame_initialise();
    frames_at_start = frame_count_free();
    chunks_at_start = kernel_chunks();
}

/* ---- histories to begin with ---- */

static uint8_t *place;

static void emit(unsigned words, uint64_t slot, uint64_t operation, const uint64_t *word)
{
    *place++ = (uint8_t)(words + 7 * 20);
    *place++ = (uint8_t)slot;
    *place++ = (uint8_t)operation;
    for (unsigned index = 0; index < words; index++) {
        if (word[index] < FUZZ_SMALL) {
            *place++ = (uint8_t)word[index];
        } else {
            *place++ = 0xff;
            memcpy(place, &word[index], 8);
            place += 8;
        }
    }
}
#define CALL(slot, operation, ...) \
    emit(sizeof((uint64_t[]){__VA_ARGS__}) / 8, slot, operation, (uint64_t[]){__VA_ARGS__})

#define DOMAIN_SLOT 70
#define CONTEXT_SLOT 71
#define THREAD_SLOT 72
#define MEMORY_SLOT 73
#define NOTIFICATION_SLOT 74
#define SERVICE_SLOT 75
#define PORTAL_SLOT 76
#define COPY_SLOT 77
#define CHILD_SLOT 79
#define MAPPED_AT 0x10000000ul

static void emit_objects(unsigned semaphore)
{
    CALL(SLOT_SELF_DOMAIN, DOMAIN_CREATE_DOMAIN, DOMAIN_SLOT, 256);
    CALL(SLOT_SELF_DOMAIN, DOMAIN_CREATE_NOTIFICATION, NOTIFICATION_SLOT, semaphore ? NOTIFICATION_SEMAPHORE : 0, semaphore);
    CALL(SLOT_SELF_DOMAIN, DOMAIN_CREATE_MEMORY, MEMORY_SLOT, 8, 0);
    CALL(SLOT_SELF_DOMAIN, DOMAIN_CREATE_SCHED_CONTEXT, CONTEXT_SLOT);
    CALL(CONTEXT_SLOT, SCHED_CONTEXT_SET, 12, 0, 0, 0);
}

static void emit_thread(void)
{
    CALL(SLOT_SELF_DOMAIN, DOMAIN_CREATE_THREAD, THREAD_SLOT, DOMAIN_SLOT);
    CALL(THREAD_SLOT, THREAD_BIND_SCHED_CONTEXT, CONTEXT_SLOT);
    CALL(SLOT_SELF_DOMAIN, DOMAIN_COPY, DOMAIN_SLOT, DOMAIN_SLOT, 1, RIGHT_USE | RIGHT_MANAGE, 0);
    CALL(THREAD_SLOT, THREAD_START, 0x400000, 0x10000000, 0);
}

static void emit_service(void)
{
    CALL(SLOT_SELF_DOMAIN, DOMAIN_CREATE_SERVICE, SERVICE_SLOT, DOMAIN_SLOT, 128, 128, 1, 20000);
    CALL(SERVICE_SLOT, SERVICE_ADD_SEGMENT, 0x10000000, 2, SEGMENT_ZERO, 0, 0, 0);
    CALL(SERVICE_SLOT, SERVICE_SET_ENTRIES, 0x10000000, 0x10000020, 0x10002000);
    CALL(SERVICE_SLOT, SERVICE_SET_SUPERVISOR, NOTIFICATION_SLOT, 1);
    CALL(SERVICE_SLOT, SERVICE_SET_SCHEDULING, 13);
    CALL(SERVICE_SLOT, SERVICE_START, 0);
    *place++ = 7; /* the worker says that it is ready */
    *place++ = 0;
    CALL(SERVICE_SLOT, SERVICE_BIND, SLOT_SELF_DOMAIN, PORTAL_SLOT, 0);
}

static void emit_calls(unsigned variant)
{
    for (unsigned call = 0; call < 4; call++) {
        CALL(PORTAL_SLOT, call + 1, 1, 2, 3, 4, variant & 1 ? 64 : 0);
        *place++ = (uint8_t)(variant & 2 && call == 1 ? 246 : 7 + 12 * call); /* a fault, or a reply */
        *place++ = (uint8_t)(call * 5);
        if (variant & 2 && call == 1) {
            CALL(SERVICE_SLOT, SERVICE_RESTORE, 0);
            CALL(SERVICE_SLOT, SERVICE_RESTORE, 0);
            CALL(SERVICE_SLOT, SERVICE_RESTART, RESTART_RECOVERED);
        }
    }
}

static void emit_touch(uint64_t address)
{
    *place++ = 240 + RIGHT_WRITE;
    *place++ = 0xff;
    memcpy(place, &address, 8);
    place += 8;
}

/* A memory that is cloned, written, cloned again; or one whose pages a service fills. */
static void emit_pages(unsigned variant)
{
    if (variant & 8) {
        CALL(SLOT_SELF_DOMAIN, DOMAIN_CREATE_MEMORY, COPY_SLOT, 600, 0);
        CALL(COPY_SLOT, MEMORY_SET_PAGER, PORTAL_SLOT, 1, 7, 4096);
        CALL(SLOT_SELF_DOMAIN, DOMAIN_MAP, COPY_SLOT, MAPPED_AT + 0x10000000, 0, 600, RIGHT_USE | RIGHT_WRITE, 0);
        emit_touch(MAPPED_AT + 0x10000000);
        *place++ = 7; /* the worker's reply */
        *place++ = 0;
        emit_touch(MAPPED_AT + 0x10000000 + 513 * 4096);
    }
    for (unsigned turn = 0; turn < 3; turn++) {
        emit_touch(MAPPED_AT + turn * 4096);
        CALL(SLOT_SELF_DOMAIN, DOMAIN_CREATE_DOMAIN, CHILD_SLOT + turn, 64);
        CALL(SLOT_SELF_DOMAIN, DOMAIN_CLONE_MAPPING, variant & 8 ? MAPPED_AT + 0x10000000 : MAPPED_AT, CHILD_SLOT + turn, 70, 0);
        CALL(CHILD_SLOT + (variant & 2 ? turn : 0), DOMAIN_KILL, 0);
    }
}

size_t fuzz_seed(unsigned index, uint8_t *room)
{
    if (index >= 32) {
        return 0;
    }
    place = room;
    emit_objects(index >> 4);
    CALL(SLOT_SELF_DOMAIN, DOMAIN_MAP, MEMORY_SLOT, 0x10000000, 0, 4, RIGHT_USE | RIGHT_WRITE, index & 1);
    if (index & 8) {
        emit_service();
        emit_calls(index);
    } else {
        emit_thread();
        CALL(SLOT_SELF_DOMAIN, DOMAIN_COPY, NOTIFICATION_SLOT, SLOT_SELF_DOMAIN, COPY_SLOT, RIGHT_USE, 5);
        CALL(index & 2 ? NOTIFICATION_SLOT : COPY_SLOT, NOTIFICATION_WAIT, 1, 3000000);
        CALL(MEMORY_SLOT, MEMORY_CLONE, COPY_SLOT + 1);
    }
    if (index & 16) {
        CALL(NOTIFICATION_SLOT, NOTIFICATION_SIGNAL, SEMAPHORE_STEP);
        emit_pages(index);
    }
    CALL(SLOT_SELF_DOMAIN, DOMAIN_REVOKE, NOTIFICATION_SLOT);
    CALL(SLOT_SELF_DOMAIN, DOMAIN_UNMAP, 0x10000000, 4);
    if (index & 4) {
        CALL(DOMAIN_SLOT, DOMAIN_KILL, 0);
    }
    return (size_t)(place - room);
}
