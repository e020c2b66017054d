/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fork server. The process of an experiment has only the processor's thread: idle time is skipped there,
 * and what the main loop would do (a reset after a triple fault, a shutdown) is noticed by a periodic signal
 * and ends the child. All limits that decide a result are of virtual time; the wall-clock limit only keeps a
 * broken tool from waiting for ever.
 */
#define _GNU_SOURCE
#include "experiment.h"

#include "checkpoint.h"
#include "disk.h"
#include "inject.h"
#include "plan.h"
#include "rehearsal.h"
#include "results.h"
#include "rewritten.h"
#include "second.h"
#include "sse.h"
#include "stub.h"
#include "switches.h"
#include "warm.h"
#include "watch_memory.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 5, JOBS_MAX = 256, SHUTDOWN_CAUSE_GUEST_RESET = 7, REHEARSAL_LONGER_NS = 100000000 };

static struct experiment_options options;
static uint64_t point_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];
static uint64_t limit_timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];

static unsigned next_position;
static struct experiment_record *running; /* this process's experiment; NULL in the fork server */
static unsigned poll_count;
static pid_t server;

static struct {
    pid_t process;
    unsigned index;
} children[JOBS_MAX];
static unsigned children_alive;

void experiment_configure(const struct experiment_options *given)
{
    options = *given;
    if (options.jobs < 1) {
        options.jobs = 1;
    }
    if (options.jobs > JOBS_MAX) {
        options.jobs = JOBS_MAX;
    }
}

static void finish(enum end end)
{
    if (second_is_rehearsal()) {
        second_rehearsed();
    }
    results_complete(running, end);
    if (options.single) {
        results_finished();
    }
    _exit(0);
}

static void poll_main_loop_requests(int signal_number)
{
    int shutdown = qemu.qemu_shutdown_requested_get();

    (void)signal_number;
    if (qemu.qemu_reset_requested_get() || shutdown == SHUTDOWN_CAUSE_GUEST_RESET) {
        finish(END_RESET);
    }
    if (shutdown) {
        finish(END_SHUTDOWN);
    }
    if (++poll_count * POLL_MS > options.wall_ms) {
        if (second_is_rehearsal()) {
            second_rehearsed();
        }
        running->end = END_WALL; /* the machine may be anywhere: nothing else is read */
        results_done(running);
        _exit(0);
    }
}

static void poll_start(void)
{
    struct sigaction action = {.sa_handler = poll_main_loop_requests, .sa_flags = SA_RESTART};
    struct itimerval period = {{0, POLL_MS * 1000}, {0, POLL_MS * 1000}};
    sigset_t alarm_only;

    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &period, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
}

static void stay(int signal_number)
{
    (void)signal_number;
    for (;;) {
        pause();
    }
}

/*
 * Without a fork: stops the main thread where it is, so that from here on this process is as a forked child
 * is. It cannot hold the big lock, which this thread has.
 */
static void stop_main_thread(void)
{
    struct sigaction action = {.sa_handler = stay};
    sigset_t mask;

    sigfillset(&action.sa_mask);
    sigaction(SIGUSR2, &action, NULL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2);
}

static void machine_ended(bool reset)
{
    if (running) {
        finish(reset ? END_RESET : END_SHUTDOWN);
    }
}

static void limit_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    finish(END_LIMIT);
}

static void limit_due(void *argument)
{
    if (qemu.qemu_cpu_is_self(machine_cpu)) {
        finish(END_LIMIT);
    }
    qemu.async_run_on_cpu(machine_cpu, limit_work, argument);
}

/* From here on nothing of this process is the fork server's. */
static void go_apart(void)
{
    machine_divert_outputs();
    if (!stub_is_used()) {
        poll_start();
    }
    qemu.timer_mod_ns(limit_timer, options.limit_ns);
}

/* From here on this process is the experiment. */
static void run_here(const struct experiment *experiment)
{
    struct experiment_record *record = results_record(experiment->index);
    uint64_t points = 0;

    if (options.single && !stub_is_used()) {
        stop_main_thread();
    }
    if (experiment->second != SECOND_NONE) {
        points = second_rehearse(experiment, go_apart);
        if (second_is_rehearsal()) {
            return;
        }
    }
    running = record;
    results_injection(record);
    disk_locate();
    go_apart();
    if (experiment->second != SECOND_NONE) {
        second_begin(experiment, record, points);
    } else {
        inject(experiment, record);
        if (inject_is_all(experiment->kind)) {
            checkpoints_follow(record);
        }
    }
    if (!options.single) {
        rewritten_begin();
    }
    results_phase(PHASE_GUEST);
}

static void child_ended(pid_t process, int status)
{
    for (unsigned i = 0; i < children_alive; i++) {
        if (children[i].process != process) {
            continue;
        }
        struct experiment_record *record = results_record(children[i].index);

        if (!record->done) {
            record->end = END_CHILD_DIED;
            record->code = (uint64_t)status;
            results_done(record);
        }
        children[i] = children[--children_alive];
        return;
    }
}

static void wait_for_children(unsigned allowed)
{
    while (children_alive > allowed) {
        int status;
        pid_t process = waitpid(-1, &status, 0);

        if (process < 0) {
            perror("fault injection: waiting for an experiment");
            _exit(1);
        }
        child_ended(process, status);
    }
}

/* Returns true in the child. */
static bool fork_experiment(const struct experiment *experiment)
{
    pid_t process;

    wait_for_children(options.jobs - 1);
    results_phase(PHASE_FORK);
    process = fork();
    if (process < 0) {
        perror("fault injection: fork");
        _exit(1);
    }
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != server) {
            _exit(1);
        }
        run_here(experiment);
        return true;
    }
    results_phase(PHASE_GOLDEN);
    results_count_fork();
    children[children_alive].process = process;
    children[children_alive].index = experiment->index;
    children_alive++;
    return false;
}

static void missed(const struct experiment *experiment)
{
    struct experiment_record *record = results_record(experiment->index);

    record->end = END_MISSED;
    results_done(record);
}

/* The machine has gone to the end of a path that it is put back from. */
static void warm_path_ended(void)
{
    static bool rehearsed;
    int64_t ended_at_ns = machine_time();

    if (rehearsal_wanted() && !rehearsed) {
        rehearsed = true;
        warm_back(true);
        rehearsal_begin(ended_at_ns - machine_time() + REHEARSAL_LONGER_NS, warm_path_ended);
        return;
    }
    rehearsal_end();
    warm_back(false);
    if (switches_keep()) {
        results_feature(FEATURE_SWITCHES);
    }
    if (rewritten_prepare()) {
        results_feature(FEATURE_REWRITTEN);
    }
    results_phase(PHASE_GOLDEN);
    qemu.timer_mod_ns(point_timer, machine_time());
}

/* The golden path has reached the next point of the plan. */
static void point_reached(void)
{
    static bool warmed;

    if (!warmed && !options.single && options.warm) {
        warmed = true;
        results_phase(PHASE_WARM);
        disk_locate(); /* by the log, which is not to be had while outputs are silenced */
        if (warm_begin()) {
            results_feature(FEATURE_WARM);
            switches_learn();
            if (options.early_end) {
                checkpoints_begin();
            }
            return;
        }
    }
    while (next_position < plan_count()) {
        const struct experiment *experiment = plan_experiment(next_position);

        if (experiment->time_ns > machine_time()) {
            qemu.timer_mod_ns(point_timer, experiment->time_ns);
            return;
        }
        next_position++;
        if (experiment->time_ns < machine_time()) {
            missed(experiment);
            continue;
        }
        results_note_outputs();
        if (options.single) {
            run_here(experiment);
            return;
        }
        if (fork_experiment(experiment)) {
            return;
        }
    }
    wait_for_children(0);
    results_finished();
    _exit(0);
}

static void point_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    point_reached();
}

static void point_due(void *argument)
{
    if (qemu.qemu_cpu_is_self(machine_cpu)) {
        point_reached();
    } else {
        qemu.async_run_on_cpu(machine_cpu, point_work, argument);
    }
}

static void begin(void)
{
    server = getpid();
    if (stub_is_used()) {
        stub_on_end(machine_ended);
    } else {
        machine_allow_fork();
    }
    qemu.timer_init_full(point_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, point_due, NULL);
    qemu.timer_init_full(limit_timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, limit_due, NULL);
    if (plan_count() > 0) {
        qemu.timer_mod_ns(point_timer, plan_experiment(0)->time_ns);
    } else {
        point_reached();
    }
}

/* In the fork server itself, the golden run ended before the plan did: what is left was planned beyond its
 * end. */
static void golden_path_ended(void)
{
    for (; next_position < plan_count(); next_position++) {
        missed(plan_experiment(next_position));
    }
    wait_for_children(0);
    results_finished();
    _exit(0);
}

static void verdict(uint64_t code, uint64_t detail)
{
    if (second_is_rehearsal()) {
        second_rehearsed();
    }
    if (warm_running()) {
        checkpoints_end(code, detail);
        warm_path_ended();
        return;
    }
    if (!running) {
        golden_path_ended();
    }
    running->code = code;
    running->detail = detail;
    finish(END_VERDICT);
}

static void failure(void)
{
    if (running) {
        results_failure(running);
    } else if (warm_running()) {
        checkpoints_spoil();
    }
}

static void recovery(const uint8_t *recovery_record)
{
    if (second_is_rehearsal()) {
        second_rehearsed();
    }
    if (running) {
        results_recovery(recovery_record);
    }
}

static void translated(struct qemu_plugin_insn *instruction)
{
    watch_translated(instruction);
    second_translated(instruction);
    sse_translated(instruction);
}

const struct stop_handlers experiment_handlers = {
    .begin = begin,
    .verdict = verdict,
    .failure = failure,
    .recovery = recovery,
    .skips_idle = true,
    .counts_replies = true,
    .translated = translated,
    .follows_kernel_exits = true,
};
