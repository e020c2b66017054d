/* SPDX-License-Identifier: MIT */
/* The table of processes and who holds what. Rule: state.h. */
#include "state.h"

#include "perdure/boot.h"

struct holders holders;

struct proc_process *process_find(uint32_t number)
{
    struct proc_process *table = proc_region()->processes;

    for (uint32_t place = 0; number && place < PROC_PROCESSES; place++) {
        if (table[place].number == number) {
            return &table[place];
        }
    }
    return NULL;
}

struct proc_process *process_expected(uint32_t token)
{
    struct proc_process *table = proc_region()->processes;

    for (uint32_t place = 0; token && place < PROC_PROCESSES; place++) {
        if (table[place].token == token && table[place].binding == 0 && table[place].state != PROC_STATE_ENDED) {
            return &table[place];
        }
    }
    return NULL;
}

struct proc_process *process_self(void)
{
    const struct proc_ssr *ssr = server_ssr();
    struct proc_process *process;

    if (ssr->magic == 0) {
        return NULL;
    }
    process = &proc_region()->processes[ssr->place % PROC_PROCESSES];
    if (ssr->place >= PROC_PROCESSES || process->number != ssr->process) {
        server_panic(PROC_PANIC_TABLE);
    }
    return process;
}

/* The next number that nobody has, as itself or as its group. */
static uint32_t free_number(void)
{
    struct proc_region *region = proc_region();
    uint32_t number = region->next_number;
    bool taken;

    do {
        number = number > PROC_INIT && number < PROC_NUMBER_MAXIMUM ? number + 1 : PROC_INIT + 1;
        taken = false;
        for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
            taken |= region->processes[place].number == number || region->processes[place].group == number;
        }
    } while (taken);
    region->next_number = number;
    return number;
}

/* What nobody can guess who is not told: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators) of
 * the time and a count. */
static uint32_t new_token(void)
{
    uint64_t mixed = pd_now_ns() + ++proc_region()->tokens * 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(mixed ^ mixed >> 31) | 1;
}

struct proc_process *process_new(uint32_t parent)
{
    struct proc_process *table = proc_region()->processes;

    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        if (table[place].state == PROC_STATE_FREE) {
            uint32_t number = free_number();

            table[place] = (struct proc_process){
                .number = number,
                .parent = parent,
                .group = number,
                .token = new_token(),
                .state = PROC_STATE_EXPECTED,
                .status = PROC_STATUS_UNKNOWN,
            };
            return &table[place];
        }
    }
    return NULL;
}

static void count_bits(uint8_t *counts, uint64_t bits, int change)
{
    for (; bits != 0; bits &= bits - 1) {
        uint8_t *count = &counts[__builtin_ctzll(bits)];

        if (change < 0 && *count == 0) {
            server_panic(PROC_PANIC_HOLDERS);
        }
        *count = (uint8_t)(*count + change);
    }
}

void process_hold(struct proc_process *process, uint64_t reads, uint64_t writes, uint32_t offsets)
{
    reads &= ~process->reads;
    writes &= ~process->writes;
    offsets &= ~process->offsets;
    process->reads |= reads;
    process->writes |= writes;
    process->offsets |= offsets;
    count_bits(holders.readers, reads, 1);
    count_bits(holders.writers, writes, 1);
    count_bits(holders.offsets, offsets, 1);
}

void process_release(struct proc_process *process, uint64_t reads, uint64_t writes, uint32_t offsets)
{
    reads &= process->reads;
    writes &= process->writes;
    offsets &= process->offsets;
    process->reads &= ~reads;
    process->writes &= ~writes;
    process->offsets &= ~offsets;
    count_bits(holders.readers, reads, -1);
    count_bits(holders.writers, writes, -1);
    count_bits(holders.offsets, offsets, -1);
    for (; offsets != 0; offsets &= offsets - 1) {
        uint32_t *holder = &proc_region()->holders[__builtin_ctz(offsets)];

        if (*holder == process->number) {
            *holder = 0;
        }
    }
}

void process_forget(struct proc_process *process)
{
    memset(process, 0, sizeof *process);
}

void holders_count(struct holders *counted)
{
    const struct proc_process *table = proc_region()->processes;

    memset(counted, 0, sizeof *counted);
    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        count_bits(counted->readers, table[place].reads, 1);
        count_bits(counted->writers, table[place].writes, 1);
        count_bits(counted->offsets, table[place].offsets, 1);
    }
}

static bool process_is_valid(const struct proc_process *process)
{
    bool ended = process->state == PROC_STATE_ENDED;

    if (process->state == PROC_STATE_FREE) {
        return process->number == 0 && process->group == 0 && process->binding == 0 && process->token == 0 &&
               process->reads == 0 && process->writes == 0 && process->offsets == 0;
    }
    return process->state < PROC_STATE_STATES && process->number > PROC_INIT && process->number <= PROC_NUMBER_MAXIMUM &&
           process->group <= PROC_NUMBER_MAXIMUM && (process->state != PROC_STATE_RUNNING || process->binding != 0) &&
           (!ended || (process->binding == 0 && process->reads == 0 && process->writes == 0 && process->offsets == 0));
}

bool region_is_valid(const struct proc_region *region)
{
    if (region->magic != PROC_MAGIC || region->next_number > PROC_NUMBER_MAXIMUM) {
        return false;
    }
    for (uint32_t place = 0; place < PROC_PROCESSES; place++) {
        if (!process_is_valid(&region->processes[place])) {
            return false;
        }
        for (uint32_t index = 0; index < PROC_ALARMS; index++) {
            if (region->alarms[place * PROC_ALARMS + index].signal >= PROC_SIGNAL_LIMIT) {
                return false;
            }
        }
    }
    for (uint32_t pipe = 0; pipe < PROC_PIPES; pipe++) {
        if (region->pipes[pipe].written - region->pipes[pipe].taken > PROC_PIPE_BYTES) {
            return false;
        }
    }
    return true;
}
