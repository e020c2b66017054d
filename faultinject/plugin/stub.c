/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two threads: the processor's, which counts and holds, and the one here, which does all work while the machine is stopped.
 * While one of them acts on what they share the other waits, so nothing of it is locked.
 */
#define _GNU_SOURCE
#include "stub.h"

#include "decode.h"
#include "machine.h"
#include "stub_internal.h"
#include "wire.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORK_MAX = 64, HALT = 0xf4, FUTEX_COMMAND = 0x7f, FUTEX_OF_CONDITIONS = 9, GDB_RIP = 16 };
/* If nothing has been executed for so long, it is asked whether the machine sleeps for ever. */
enum { ASLEEP_MS = 500 };

struct work {
    vcpu_work *work;
    void *argument;
    bool before; /* it sees the machine as it was before the instruction */
};

static bool used;
static void (*end_handler)(bool reset);

/* Work for the next stop. */
static struct work queue[WORK_MAX];
static unsigned queued;

/* The processor's thread. */
static pid_t processor_thread;
static int64_t counted;         /* time after the instruction that is being executed, if none of them faulted */
static atomic_bool holding;     /* a stop was asked for, behind this instruction */
static void *begun_at;          /* the instruction's address */
static int64_t begun_again;     /* so many times without another between */
static bool after_halt;         /* the last instruction was HLT: time may have been skipped */
static uint64_t halted_at;      /* its address */
static atomic_bool asleep;      /* it is being executed */
static atomic_uint naps;        /* how often it has been */
static bool woken;              /* this is the first instruction after it */

/* The machine as it was when it was last stopped. */
static struct {
    int64_t time_ns;
    int64_t skipped_ns;
    int64_t counted;
    bool registers_known;
    uint8_t registers[WIRE_ALL_BYTES];
} stopped;

/* A view of the machine that is not quite the one at the stop: some instruction before. */
static struct {
    bool wanted; /* of the instruction that is being executed */
    bool used;
    uint64_t address;
    int64_t time_ns;
    struct instruction instruction;
} before;

static __thread bool is_controller;

_Noreturn void stub_fail(const char *what)
{
    fprintf(stderr, "fault injection: %s\n  mend: run it again; if it comes again, use a QEMU that has its symbols\n", what);
    _exit(1);
}

bool stub_is_used(void)
{
    return used;
}

void stub_on_end(void (*handler)(bool reset))
{
    end_handler = handler;
}

/* ---- stopping: the processor's thread ---- */

enum waits { WAITS_NOT, WAITS_FOR_CONDITION, WAITS_FOR_EVENTS };

/* What a thread of this process sleeps for; one that could run does not. */
static enum waits thread_waits(pid_t thread)
{
    char text[256];
    long number;
    unsigned long place;
    unsigned long operation;
    ssize_t length;
    int file;

    snprintf(text, sizeof(text), "/proc/self/task/%d/syscall", thread);
    file = open(text, O_RDONLY | O_CLOEXEC);
    length = read(file, text, sizeof(text) - 1);
    if (length <= 0) {
        stub_fail("this host does not show which system call a thread is in (/proc/self/task/*/syscall)");
    }
    close(file);
    text[length] = 0;
    if (sscanf(text, "%ld %lx %lx", &number, &place, &operation) != 3) {
        return WAITS_NOT;
    }
    if (number == SYS_futex && (operation & FUTEX_COMMAND) == FUTEX_OF_CONDITIONS) {
        return WAITS_FOR_CONDITION;
    }
    return number == SYS_ppoll || number == SYS_poll ? WAITS_FOR_EVENTS : WAITS_NOT;
}

/* QEMU's main thread waits on a condition only for the processor to stop; else it waits for events, or for a lock. */
static bool main_thread_awaits_stop(void)
{
    return thread_waits(getpid()) == WAITS_FOR_CONDITION;
}

/* The instruction whose callback this is in, or the one before if none is being executed, is the last before a stop. */
static void hold(void)
{
    if (atomic_exchange(&holding, true)) {
        return;
    }
    wire_ask_to_stop();
    while (!main_thread_awaits_stop()) {
        sched_yield();
    }
}

static int64_t due_next = STUB_NEVER;

/* An instruction is about to be executed. */
static void tick(unsigned cpu_index, void *address)
{
    (void)cpu_index;
    begun_again = begun_at == address ? begun_again + 1 : 0;
    begun_at = address;
    if (atomic_load(&holding)) {
        stub_fail("QEMU went on when it was to stop");
    }
    before.wanted = false;
    counted++;
    if (after_halt) {
        after_halt = false;
        woken = true;
        atomic_store(&asleep, false);
        hold();
    } else if (counted >= due_next) {
        hold();
    }
}

static void halts(unsigned cpu_index, void *address)
{
    (void)cpu_index;
    halted_at = (uint64_t)(uintptr_t)address;
    after_halt = true;
    atomic_fetch_add(&naps, 1);
    atomic_store(&asleep, true);
}

void stub_translated(struct qemu_plugin_tb *block)
{
    struct qemu_plugin_insn *instruction = qemu.qemu_plugin_tb_get_insn(block, 0);
    void *address = (void *)(uintptr_t)qemu.qemu_plugin_insn_vaddr(instruction);
    uint8_t first = 0;

    processor_thread = gettid();
    if (qemu.qemu_plugin_tb_n_insns(block) != 1) {
        stub_fail("QEMU translates more than one instruction to a block");
    }
    qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, tick, CALLBACK_NO_REGISTERS, address);
    if (qemu_instruction_bytes(instruction, &first, 1) == 1 && first == HALT) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, halts, CALLBACK_NO_REGISTERS, address);
    }
}

/* ---- the functions: work, timers, time ---- */

static void enqueue(struct work work)
{
    if (queued == WORK_MAX) {
        stub_fail("there is too much to do at a stop");
    }
    queue[queued++] = work;
    if (!is_controller) {
        hold();
    }
}

static void stub_async_run_on_cpu(struct CPUState *cpu, vcpu_work *work, void *argument)
{
    (void)cpu;
    enqueue((struct work){work, argument, is_controller && before.used});
}

/* It was stopped just here, and its registers are known. */
static bool is_stopped_before(uint64_t address)
{
    uint64_t rip;
    size_t bytes;

    if (!stopped.registers_known || counted != stopped.counted + 1) {
        return false;
    }
    memcpy(&rip, stopped.registers + wire_register_place(GDB_RIP, &bytes), sizeof(rip));
    return rip == address;
}

void stub_run_before(uint64_t address, vcpu_work *work, void *argument)
{
    if (is_stopped_before(address)) {
        work(machine_cpu, argument);
        return;
    }
    before.wanted = true;
    before.address = address;
    enqueue((struct work){work, argument, true});
}

static bool stub_cpu_is_self(struct CPUState *cpu)
{
    (void)cpu;
    return false;
}

static struct CPUState *stub_get_cpu(int index)
{
    static char processor;

    return index == 0 ? (struct CPUState *)&processor : NULL;
}

static int64_t stub_clock_get(int clock)
{
    (void)clock;
    return before.used ? before.time_ns : stopped.time_ns;
}

/* ---- the functions: registers and memory ---- */

static void know_registers(void)
{
    if (!stopped.registers_known) {
        wire_read_registers(stopped.registers);
        stopped.registers_known = true;
    }
}

/* The decoder's number of one of the stub's general registers, or -1. */
static int decoded_number(int number)
{
    static const int8_t low[8] = {RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP};

    return number < 8 ? low[number] : number < 16 ? number : -1;
}

static int stub_read_register(struct CPUState *cpu, struct byte_array *array, int number)
{
    size_t bytes;
    size_t place = wire_register_place((unsigned)number, &bytes);
    int decoded = decoded_number(number);

    (void)cpu;
    know_registers();
    qemu.g_byte_array_set_size(array, (unsigned)bytes);
    memcpy(array->data, stopped.registers + place, bytes);
    if (before.used && number == GDB_RIP) {
        memcpy(array->data, &before.address, sizeof(before.address));
    } else if (before.used && decoded >= 0 && before.instruction.written[decoded]) {
        stub_fail("a register is wanted that the instruction has written");
    }
    return (int)bytes;
}

static int stub_write_register(struct CPUState *cpu, uint8_t *value, int number)
{
    size_t bytes;

    (void)cpu;
    wire_register_place((unsigned)number, &bytes);
    wire_write_register((unsigned)number, value, bytes);
    stopped.registers_known = false;
    return (int)bytes;
}

/* Writing CR3, with the value that it has, does it. */
static void stub_tlb_flush(struct CPUState *cpu)
{
    enum { GDB_CR3 = 29 };
    size_t bytes;

    (void)cpu;
    know_registers();
    wire_write_register(GDB_CR3, stopped.registers + wire_register_place(GDB_CR3, &bytes), sizeof(uint64_t));
}

/* What is to be seen of every instruction was asked for when it was translated. */
static void stub_tb_flush(struct CPUState *cpu)
{
    (void)cpu;
}

/* ---- the controller ---- */

/* Instructions of the kernel's entries that the decoder does not know, and that write no general register. */
static bool writes_nothing(const uint8_t *bytes)
{
    static const uint8_t swapgs[] = {0x0f, 0x01, 0xf8};
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

    return memcmp(bytes, swapgs, sizeof(swapgs)) == 0 || memcmp(bytes, endbr64, sizeof(endbr64)) == 0;
}

/* The callback of the instruction that was executed last asked for what was before it. */
static void look_back(void)
{
    uint8_t bytes[INSTRUCTION_BYTES_MAX] = {0};
    size_t available = sizeof(bytes);

    if (!before.wanted) {
        return;
    }
    while (available > 0 && !machine_read(before.address, bytes, available)) {
        available--;
    }
    instruction_decode(bytes, available, &before.instruction);
    if (!before.instruction.known && !writes_nothing(bytes)) {
        stub_fail("a function of the kernel begins with an instruction that is not known");
    }
    before.time_ns = stopped.time_ns - 1;
}

static void do_work(void)
{
    for (unsigned i = 0; i < queued; i++) {
        before.used = queue[i].before;
        queue[i].work(machine_cpu, queue[i].argument);
    }
    queued = 0;
    before.used = false;
}

/* In order of time. One that was due while the machine slept sees it asleep. */
static void run_timers(int64_t now_ns, bool slept)
{
    for (int64_t due_ns = stub_timers_due(); due_ns <= now_ns; due_ns = stub_timers_due()) {
        if (slept && due_ns != stopped.time_ns) {
            before.used = true;
            before.time_ns = due_ns;
            before.address = halted_at + 1;
            before.instruction = (struct instruction){0};
        }
        stub_timers_expire(due_ns);
        do_work();
    }
}

static void know_time(bool slept)
{
    int64_t instructions = slept ? wire_instructions_and_idle(&stopped.skipped_ns) : wire_instructions();

    stopped.time_ns = instructions + stopped.skipped_ns;
    if (!slept && stopped.time_ns > counted) {
        stub_fail("QEMU has executed more than was counted");
    }
}

/* How the machine was when it was asked to stop. */
enum sleep {
    AWAKE,
    ASLEEP,         /* perhaps: nothing has been executed for long */
    ASLEEP_FOR_EVER /* no timer will wake it */
};

/* The machine stands still. */
static void at_stop(enum sleep sleep)
{
    bool slept = woken || sleep != AWAKE;

    stopped.registers_known = false;
    know_time(slept);
    look_back();
    do_work();
    run_timers(sleep == ASLEEP_FOR_EVER ? stub_timers_due() : stopped.time_ns, slept);
    if (sleep == ASLEEP_FOR_EVER) {
        stub_fail("the machine sleeps, and nothing is left that could end the run");
    }
    know_registers();
    counted = stopped.time_ns;
    stopped.counted = counted;
    due_next = stub_timers_due();
    woken = false;
    before.wanted = false;
    atomic_store(&holding, false);
}

/*
 * Whether nothing has been executed for a while, and HLT was the last. Before the processor's thread goes to sleep it wakes the
 * main thread, which skips idle time: so if both sleep, there is none to be skipped.
 */
static enum sleep look_whether_asleep(void)
{
    static unsigned naps_then;
    unsigned naps_now = atomic_load(&naps);
    bool same = atomic_load(&asleep) && naps_now == naps_then;

    naps_then = naps_now;
    if (!same) {
        return AWAKE;
    }
    return thread_waits(processor_thread) == WAITS_FOR_CONDITION && thread_waits(getpid()) == WAITS_FOR_EVENTS
               ? ASLEEP_FOR_EVER
               : ASLEEP;
}

/*
 * The guest has not slept, though QEMU may have skipped time for the idle processor that waits for the end. And that may have
 * begun the instruction of the triple fault again before it came to wait.
 */
static _Noreturn void machine_ends(bool reset)
{
    stopped.registers_known = false;
    know_time(false);
    stopped.time_ns -= begun_again;
    if (end_handler) {
        end_handler(reset);
    }
    stub_fail(reset ? "the machine was reset" : "the machine was switched off");
}

static void *control(void *argument)
{
    enum sleep sleep = AWAKE;
    sigset_t all;

    (void)argument;
    is_controller = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    wire_begin();
    wire_continue();
    for (;;) {
        switch (wire_await(ASLEEP_MS)) {
        case WIRE_STOPPED:
            at_stop(sleep);
            sleep = AWAKE;
            wire_continue();
            break;
        case WIRE_NOTHING:
            sleep = look_whether_asleep();
            if (sleep != AWAKE) {
                wire_ask_to_stop();
            }
            break;
        case WIRE_RESET:
            machine_ends(true);
        case WIRE_SHUTDOWN:
            machine_ends(false);
        }
    }
    return NULL;
}

void stub_take_over(int debugger, int monitor)
{
    pthread_t thread;

    used = true;
    qemu.qemu_get_cpu = stub_get_cpu;
    qemu.qemu_cpu_is_self = stub_cpu_is_self;
    qemu.async_run_on_cpu = stub_async_run_on_cpu;
    qemu.tlb_flush = stub_tlb_flush;
    qemu.tb_flush = stub_tb_flush;
    qemu.x86_cpu_gdb_read_register = stub_read_register;
    qemu.x86_cpu_gdb_write_register = stub_write_register;
    qemu.qemu_clock_get_ns = stub_clock_get;
    stub_timers_take_over();
    stub_memory_take_over();
    wire_open(debugger, monitor);
    if (pthread_create(&thread, NULL, control, NULL) != 0) {
        stub_fail("no thread can be started");
    }
}
