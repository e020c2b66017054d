/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that the fork server notes is in shared memory: forks need not copy its page tables. */
#define _GNU_SOURCE
#include "checkpoint.h"

#include "digest.h"
#include "pages.h"
#include "state.h"
#include "watch.h"
#include "watch_memory.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHECKPOINTS_MAX = 64, INTERVAL_NS = 200000, STATE_BYTES_MAX = 65536, REGISTERS = REGISTER_RIP + 1 };

struct checkpoint {
    int64_t time_ns;
    uint64_t registers[REGISTERS];
    struct results_moment moment;
    size_t state_bytes;
    uint8_t state[STATE_BYTES_MAX];
};

static struct checkpoint *checkpoints;
static struct digest *digests[CHECKPOINTS_MAX]; /* of each page, at the checkpoint */
static uint8_t *written[CHECKPOINTS_MAX];       /* pages: by the golden run since the checkpoint before */
static unsigned count;
static bool complete;
static struct results_end golden_end;

static pid_t holder; /* keeps the golden run's pages shared, so that it is seen which are written */
static uint64_t timer[TIMER_STORAGE_BYTES / sizeof(uint64_t)];

static struct experiment_record *followed;
static unsigned next;      /* the checkpoint that comes next */
static unsigned forked_in; /* the first one after the fork */

static void *shared(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void registers_read(uint64_t registers[REGISTERS])
{
    for (unsigned number = 0; number < REGISTERS; number++) {
        registers[number] = machine_register(number);
    }
}

static void hold(void)
{
    pid_t parent = getpid();

    holder = fork();
    if (holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent) {
            pause();
        }
        _exit(0);
    }
}

static void let_go(void)
{
    if (holder > 0) {
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);
    }
    holder = 0;
}

/* Digests anew what was written; false when the host does not tell. */
static bool pages_note(void)
{
    uint64_t pages = pages_count();

    written[count] = shared(pages);
    digests[count] = shared(pages * sizeof(struct digest));
    if (!written[count] || !digests[count] || !pages_read_written(written[count])) {
        return false;
    }
    if (count == 0) {
        pages_read_touched(written[0]); /* one that only an experiment has touched counts as different */
    }
    for (uint64_t page = 0; page < pages; page++) {
        digests[count][page] = written[count][page] ? pages_digest(page)
                               : count > 0          ? digests[count - 1][page]
                                                    : (struct digest){0};
    }
    return true;
}

static void note(void)
{
    struct checkpoint *checkpoint = &checkpoints[count];

    checkpoint->time_ns = machine_time();
    registers_read(checkpoint->registers);
    checkpoint->moment = results_moment();
    checkpoint->state_bytes = state_read(checkpoint->state, sizeof(checkpoint->state));
    if (checkpoint->state_bytes == 0 || !pages_note()) {
        count = 0;
        let_go();
        return;
    }
    count++;
    let_go();
    if (count < CHECKPOINTS_MAX) {
        hold();
        qemu.timer_mod_ns(timer, machine_time() + INTERVAL_NS);
    }
}

static bool memory_is_golden(void)
{
    static uint8_t *own;
    uint64_t pages = pages_count();

    own = own ? own : malloc(pages);
    if (!own || !pages_read_written(own)) {
        return false;
    }
    for (uint64_t page = 0; page < pages; page++) {
        struct digest digest;
        bool differs = own[page];

        for (unsigned i = forked_in; i <= next && !differs; i++) {
            differs = written[i][page];
        }
        if (differs) {
            digest = pages_digest(page);
            if (!digest_equal(&digest, &digests[next][page])) {
                return false;
            }
        }
    }
    return true;
}

/* The cheapest comparison first: most experiments differ in it. */
static bool state_is_golden(const struct checkpoint *golden)
{
    static uint8_t state[STATE_BYTES_MAX];
    uint64_t registers[REGISTERS];

    registers_read(registers);
    return memcmp(registers, golden->registers, sizeof(registers)) == 0 && memory_is_golden() &&
           state_read(state, sizeof(state)) == golden->state_bytes &&
           memcmp(state, golden->state, golden->state_bytes) == 0;
}

static void follow(void)
{
    if (followed->detected_at_ns == 0 && results_recovery_count() == 0 && next < count) {
        qemu.timer_mod_ns(timer, checkpoints[next].time_ns);
    }
}

static void checkpoint_work(struct CPUState *cpu, void *argument)
{
    (void)cpu;
    (void)argument;
    if (!followed) {
        note();
        return;
    }
    if (machine_time() == checkpoints[next].time_ns && !watch_goes_on() &&
        !watch_memory_goes_on() && state_is_golden(&checkpoints[next])) {
        results_complete_as(followed, &golden_end, &checkpoints[next].moment);
        _exit(0);
    }
    next++;
    follow();
}

/* Always as queued work, so that the processor's state is complete. */
static void checkpoint_due(void *argument)
{
    qemu.async_run_on_cpu(machine_cpu, checkpoint_work, argument);
}

void checkpoints_begin(void)
{
    checkpoints = shared(CHECKPOINTS_MAX * sizeof(*checkpoints));
    qemu.timer_init_full(timer, NULL, CLOCK_VIRTUAL_NS, TIMER_SCALE_NS, 0, checkpoint_due, NULL);
    if (checkpoints) {
        qemu.timer_mod_ns(timer, machine_time());
    }
}

void checkpoints_end(uint64_t code, uint64_t detail)
{
    if (complete) {
        return;
    }
    let_go();
    qemu.timer_del(timer);
    complete = results_end_note(&golden_end, code, detail);
    if (!complete) {
        count = 0;
    }
}

void checkpoints_spoil(void)
{
    if (!complete) {
        let_go();
        qemu.timer_del(timer);
        count = 0;
    }
}

void checkpoints_follow(struct experiment_record *record)
{
    if (!complete) {
        return;
    }
    followed = record;
    while (next < count && checkpoints[next].time_ns <= machine_time()) {
        next++;
    }
    forked_in = next;
    follow();
}
