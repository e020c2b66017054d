/* SPDX-License-Identifier: MIT */
/* The test guest's kernel. Rule: it looks from outside as Perdure does: the same symbols, log lines and records. */
#include "guest.h"

#define ROUNDS 400
#define HANG_TICKS 5
#define FAILURES_PER_CALL 6
#define TICK_NS 1000000
#define TRACE_SUPERSEDED 1

enum { CLIENT = 2, SPACES = 3 };
enum { STAGE_RUNNING = 2, STAGE_RECOVERING = 5 };
enum { CAUSE_EXCEPTION = 1, CAUSE_HANG = 2 };

struct frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct observed_service {
    uint32_t stage, incarnation, serving_binding, restarts;
    uint64_t cr3;
    char name[16];
} observed_services[16];

struct recovery_record {
    uint32_t service, incarnation, cause, flags;
    uint64_t fault_rip, fault_address, t_fault, t_parked, t_decided, t_restored, t_started, t_ready, t_rerun, t_replied;
    uint32_t binding, operation;
};

extern uint64_t start_info;
extern char vector_stubs[], syscall_entry[];
extern char fs_load[], rng_load[], program_load[], fs_load_end[], rng_load_end[], program_load_end[];

static uint64_t tables[SPACES][4][512] __attribute__((aligned(4096)));
static uint8_t pages[SPACES][STATE_PAGE + CLIENTS][4096] __attribute__((aligned(4096)));
static uint8_t state_copy[4096] __attribute__((aligned(4096)));
static uint64_t interrupt_table[64][2] __attribute__((aligned(16)));
static const uint64_t bases[SPACES] = {FS_BASE, RNG_BASE, PROGRAM_BASE};
static char *const loads[SPACES] = {fs_load, rng_load, program_load};
static char *const load_ends[SPACES] = {fs_load_end, rng_load_end, program_load_end};

static struct frame client_frame;
static int current = CLIENT;
static uint64_t serving_client, request_operation, request_argument, ticks, failures;
static struct recovery_record record;
static int tracing;
static uint64_t disk_physical, disk_bytes;

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint64_t timestamp(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void copy(void *to, const void *from, uint64_t bytes)
{
    uint64_t words = bytes / 8;
    uint64_t rest = bytes % 8;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
}

static void log_text(const char *text)
{
    while (*text) {
        out8(0xe9, (uint8_t)*text++);
    }
}

static void log_number(uint64_t value, unsigned base)
{
    char digits[24];
    int count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (count > 0) {
        out8(0xe9, (uint8_t)digits[--count]);
    }
}

__attribute__((noinline, noipa, noreturn)) void machine_exit(uint64_t code, uint64_t detail)
{
    log_text("perdure: verdict code=");
    log_number(code, 10);
    log_text(" detail=");
    log_number(detail, 10);
    log_text("\n");
    out8(0xf4, code != 0);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

__attribute__((noinline, noipa)) void trace_begin(void)
{
    __asm__ volatile("" : : : "memory");
}

__attribute__((noinline, noipa)) void trace_recovery_complete(const struct recovery_record *complete)
{
    __asm__ volatile("" : : "r"(complete) : "memory");
}

__attribute__((noinline, noipa)) void bench_mark_hook(uint64_t mark)
{
    __asm__ volatile("" : : "r"(mark) : "memory");
}

static void space_load(int space)
{
    copy(pages[space][0], loads[space], (uint64_t)(load_ends[space] - loads[space]));
}

static void space_make(int space)
{
    uint64_t(*t)[512] = tables[space];
    uint64_t directory = bases[space] >> 21;

    t[0][0] = (uint64_t)t[1] + 7;
    t[1][0] = (uint64_t)t[2] + 7;
    t[1][3] = 0xc0000083; /* the local APIC's GiB */
    for (uint64_t i = 0; i < 32; i++) {
        t[2][i] = i << 21 | 0x83;
    }
    t[2][directory] = (uint64_t)t[3] + 7;
    for (unsigned i = 0; i < STATE_PAGE + CLIENTS; i++) {
        t[3][i] = (uint64_t)pages[space][i] | (i < CODE_PAGES ? 5 : 7);
    }
    if (space == 0) {
        for (unsigned i = 0; i < DISK_PAGES && i * 4096 < disk_bytes; i++) {
            t[3][DISK_PAGE + i] = (disk_physical + i * 4096) | 7;
        }
    }
    space_load(space);
    for (unsigned i = 0; i < CLIENTS; i++) {
        ((struct state *)pages[space][STATE_PAGE + i])->magic = STATE_MAGIC;
    }
}

static void space_enter(int space)
{
    current = space;
    __asm__ volatile("mov %0, %%cr3" : : "r"(tables[space]) : "memory");
}

static void service_run(struct frame *frame)
{
    *frame = (struct frame){.rip = bases[current], .cs = 0x23, .rflags = 0x202, .ss = 0x1b,
                            .rsp = bases[current] + (STACK_PAGE + 1) * 4096 - 8,
                            .rdi = request_operation, .rsi = request_argument, .rdx = serving_client, .r8 = failures,
                            .r9 = request_operation | (serving_client + 1) << 16};
    ticks = 0;
}

static void call_begin(struct frame *frame)
{
    client_frame = *frame;
    serving_client = frame->rsi >> 8;
    request_operation = frame->rsi & 255;
    request_argument = frame->rdx;
    failures = 0;
    space_enter((int)frame->rdi);
    copy(state_copy, pages[current][STATE_PAGE + serving_client], 4096);
    observed_services[current + 1].serving_binding = (uint32_t)serving_client + 1;
    service_run(frame);
}

static void call_end(struct frame *frame)
{
    uint64_t result = frame->rdi;

    observed_services[current + 1].serving_binding = 0;
    if (tracing) {
        tracing = 0;
        record.t_replied = timestamp();
        trace_recovery_complete(&record);
    }
    space_enter(CLIENT);
    *frame = client_frame;
    frame->rax = result;
}

static void service_failed(struct frame *frame, uint32_t cause, uint64_t address)
{
    struct observed_service *observed = &observed_services[current + 1];

    trace_begin();
    if (PATCH == PATCH_KERNEL) {
        machine_exit(1, 0);
    }
    if (tracing) {
        record.flags = TRACE_SUPERSEDED;
        trace_recovery_complete(&record);
    }
    observed->stage = STAGE_RECOVERING;
    observed->restarts++;
    observed->incarnation++;
    record = (struct recovery_record){.service = (uint32_t)current + 1, .incarnation = observed->incarnation,
                                      .cause = cause, .fault_rip = frame->rip, .fault_address = address,
                                      .t_fault = timestamp(), .binding = (uint32_t)serving_client + 1,
                                      .operation = (uint32_t)request_operation};
    tracing = 1;
    copy(pages[current][STATE_PAGE + serving_client], state_copy, 4096);
    space_load(current);
    record.t_restored = timestamp();
    if (++failures == FAILURES_PER_CALL) {
        machine_exit(2, (uint64_t)current + 1);
    }
    observed->stage = STAGE_RUNNING;
    service_run(frame);
}

static void print(const char *text, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes && i < 256; i++) {
        out8(0x3f8, (uint8_t)text[i]);
    }
}

static void system_call_entered(struct frame *frame)
{
    if (current == CLIENT && frame->rax == CALL_SERVICE && frame->rdi < CLIENT && frame->rsi >> 8 < CLIENTS) {
        call_begin(frame);
    } else if (current == CLIENT && frame->rax == CALL_PRINT) {
        print((const char *)frame->rdi, frame->rsi);
    } else if (current == CLIENT) {
        log_text("perdure: audit fs differences=");
        log_number(*(const uint64_t *)pages[0][DATA_PAGE], 10);
        log_text("\n");
        machine_exit(0, frame->rdi);
    } else if (frame->rax == CALL_REPLY) {
        call_end(frame);
    } else {
        service_failed(frame, 3, 0);
    }
}

static void timer_entered(struct frame *frame)
{
    *(volatile uint32_t *)0xfee000b0 = 0;
    if (current != CLIENT && ++ticks > HANG_TICKS && PATCH != PATCH_NO_LIMIT) {
        service_failed(frame, CAUSE_HANG, 0);
    }
}

void kernel_entered(struct frame *frame)
{
    uint64_t address;

    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    if (frame->vector == VECTOR_SYSTEM_CALL) {
        system_call_entered(frame);
    } else if (frame->vector == VECTOR_TIMER) {
        timer_entered(frame);
    } else if ((frame->cs & 3) == 0) {
        machine_exit(1, frame->vector);
    } else if (current == CLIENT) {
        machine_exit(0, 139);
    } else {
        service_failed(frame, CAUSE_EXCEPTION, frame->vector == 14 ? address : 0);
    }
}

static void write_msr(uint32_t number, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void machine_prepare(void)
{
    static struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } pointer;

    for (uint64_t i = 0; i < 64; i++) {
        uint64_t stub = (uint64_t)vector_stubs + i * 16;

        interrupt_table[i][0] = (stub & 0xffff) | 0x8e0000080000 | (stub >> 16 & 0xffff) << 48;
        interrupt_table[i][1] = stub >> 32;
    }
    pointer.limit = sizeof(interrupt_table) - 1;
    pointer.base = (uint64_t)interrupt_table;
    __asm__ volatile("lidt %0" : : "m"(pointer));
    write_msr(0xc0000081, 0x0010000800000000ull);
    write_msr(0xc0000082, (uint64_t)syscall_entry);
    write_msr(0xc0000084, 0x700);
    *(volatile uint32_t *)0xfee000f0 = 0x1ff;
    *(volatile uint32_t *)0xfee003e0 = 11;
    *(volatile uint32_t *)0xfee00320 = 0x20000 | VECTOR_TIMER;
    *(volatile uint32_t *)0xfee00380 = TICK_NS;
}

/* The disk is the entry "disk" of the payload bundle, the first boot module. */
static void disk_find(void)
{
    const uint32_t *information = (const uint32_t *)(start_info & 0xffffffff);
    const uint64_t *modules = (const uint64_t *)*(const uint64_t *)(information + 4);
    const uint8_t *bundle;
    uint32_t count;

    if (information[3] == 0) {
        return;
    }
    bundle = (const uint8_t *)modules[0];
    copy(&count, bundle + 12, 4);
    for (uint32_t i = 0; i < count && i < 63; i++) {
        const char *name = (const char *)bundle + 64 + i * 64;

        if (name[0] == 'd' && name[1] == 'i' && name[2] == 's' && name[3] == 'k' && name[4] == 0) {
            disk_physical = modules[0] + *(const uint64_t *)(name + 48);
            disk_bytes = *(const uint64_t *)(name + 56);
        }
    }
    log_text("perdure: ramdisk physical=0x");
    log_number(disk_physical, 16);
    log_text(" bytes=");
    log_number(disk_bytes, 10);
    log_text("\n");
}

void kernel_start(void)
{
    static const char names[2][16] = {"fs", "rng"};
    register uint64_t stack __asm__("r12") = PROGRAM_BASE + (STACK_PAGE + 1) * 4096 - 8;

    disk_find();
    for (int i = 0; i < SPACES; i++) {
        space_make(i);
    }
    for (int i = 0; i < 2; i++) {
        observed_services[i + 1] = (struct observed_service){STAGE_RUNNING, 1, 0, 0, (uint64_t)tables[i], ""};
        copy(observed_services[i + 1].name, names[i], 16);
    }
    space_enter(CLIENT);
    machine_prepare();
    __asm__ volatile("pushq $0x1b; pushq %0; pushq $0x202; pushq $0x23; pushq %1; iretq"
                     :
                     : "r"(stack), "r"((uint64_t)PROGRAM_BASE), "D"((uint64_t)ROUNDS)
                     : "memory");
}
