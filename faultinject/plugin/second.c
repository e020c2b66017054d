/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counting by a callback on each instruction of the target. Registers are not to be had within a block, so shortly before the
 * instruction that is due it is followed step by step. The guest executes the same instructions at the same times with and
 * without the counting.
 */
#include "second.h"

#include "inject.h"
#include "service.h"
#include "watch.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the first fault sends the service: nothing is mapped there. */
#define STRAY_ADDRESS 0x500000000000ull

/* So many instructions before the one that is due stepping begins; more than a block has. */
enum { STEPPED = 1024 };

static const struct experiment *experiment;
static struct experiment_record *record;
static uint64_t *rehearsed; /* shared with the rehearsal */
static bool rehearsing;

static int killed = SERVICE_NONE;
static int target = SERVICE_NONE;
static const volatile struct service_view *view; /* of the service that is killed */
static bool counting;
static bool stepping;
static uint64_t executed;
static uint64_t due; /* the second fault is put in before this one, counted from 0 */

static bool is_recovering(void)
{
    return view->stage != STAGE_RUNNING;
}

/* The target is about to execute an instruction. */
static bool step(const struct instruction *instruction)
{
    (void)instruction;
    if (!is_recovering() || executed++ != due) {
        return false;
    }
    record->second_at_ns = machine_time();
    record->second_rip = machine_register(REGISTER_RIP);
    record->detected_at_ns = 0; /* from here on it is the second that is to be detected */
    record->watched_instructions = 0;
    record->activation = ACTIVATION_NOT_SEEN;
    inject(experiment, record);
    return true;
}

static void begin_stepping(struct CPUState *cpu, void *argument)
{
    struct service_view of_target;

    (void)cpu;
    (void)argument;
    if (service_look(target, &of_target)) {
        watch_service(record, target, of_target.cr3, step);
    }
}

static void stop_counting(struct CPUState *cpu, void *argument)
{
    counting = false;
    begin_stepping(cpu, argument);
}

static void executes(unsigned cpu_index, void *argument)
{
    (void)cpu_index;
    (void)argument;
    if (!counting || !is_recovering()) {
        return;
    }
    executed++;
    if (!rehearsing && !stepping && executed + STEPPED >= due) {
        stepping = true;
        qemu.async_run_on_cpu(machine_cpu, stop_counting, NULL);
    }
}

void second_translated(struct qemu_plugin_insn *instruction)
{
    if (counting && service_of_address(qemu.qemu_plugin_insn_vaddr(instruction)) == target) {
        qemu.qemu_plugin_register_vcpu_insn_exec_cb(instruction, executes, CALLBACK_NO_REGISTERS, NULL);
    }
}

/* The first fault, and the counting from there on. */
static void first(void)
{
    killed = service_of_address(machine_register(REGISTER_RIP));
    target = experiment->second == SECOND_IN_MONITOR ? service_by_name("monitor") : killed;
    view = service_locate(killed);
    if (target == SERVICE_NONE || !view) {
        return;
    }
    machine_set_register(REGISTER_RIP, STRAY_ADDRESS);
    if (!rehearsing && due < STEPPED) {
        begin_stepping(machine_cpu, NULL);
        return;
    }
    counting = true;
    qemu.tb_flush(machine_cpu);
}

bool second_is_rehearsal(void)
{
    return rehearsing;
}

void second_rehearsed(void)
{
    *rehearsed = executed;
    _exit(0);
}

uint64_t second_rehearse(const struct experiment *planned, void (*limit)(void))
{
    pid_t parent = getpid();
    pid_t process;
    uint64_t points;

    experiment = planned;
    rehearsed = mmap(NULL, sizeof(*rehearsed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (rehearsed == MAP_FAILED || (process = fork()) < 0) {
        perror("fault injection: a rehearsal");
        _exit(1);
    }
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        rehearsing = true;
        limit();
        first();
        return 0;
    }
    while (waitpid(process, NULL, 0) < 0) {
    }
    points = *rehearsed;
    munmap(rehearsed, sizeof(*rehearsed));
    return points;
}

void second_begin(const struct experiment *planned, struct experiment_record *given, uint64_t points)
{
    struct damage damage = damage_read(planned->b);

    experiment = planned;
    record = given;
    record->second_points = points;
    record->activation = ACTIVATION_IMPOSSIBLE; /* until it is put in */
    if (points == 0) {
        machine_set_register(REGISTER_RIP, STRAY_ADDRESS);
        return;
    }
    due = damage_place(&damage, points);
    first();
}
