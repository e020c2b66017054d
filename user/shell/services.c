/* SPDX-License-Identifier: MIT */
/*
 * What every service is doing: `services` once, `top` again and again; the scheduler's policies.
 *
 * Rule: all of it is the kernel's own account (SERVICE_STATS, SERVICE_USAGE, SERVICE_RECORD), so it is right in the midst of
 * a recovery, too. A service runs on its callers' time, so what it uses of the processor is seen at ticks: a sample each
 * millisecond, as profilers take it; its own time (starts, events, recoveries) is exact.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "abi/manifest.h"
#include "perdure/boot.h"
#include "perdure/portal.h"
#include "perdure/sched.h"
#include "perdure/service.h"
#include "user/shell/shell.h"

#define SECONDS_MAXIMUM 3600
#define NS_PER_MS 1000000u
#define CLEAR_SCREEN "\033[H\033[J"

/* What is known of a service at one time. */
struct account {
    uint64_t stage, incarnation, restarts, clients;
    struct service_usage usage;
    struct fault_record fault; /* the last one; index 0: none */
};

int service_supervised(const struct manifest_service *service)
{
    uint64_t number;

    return service->kind != MANIFEST_ROOT &&
           pd_service_stats(service_slot(service), &number, &number, &number, &number) == PD_OK;
}

uint32_t service_slot(const struct manifest_service *service)
{
    return SLOT_SERVICES + service->number;
}

static const char *stage_text(uint64_t stage)
{
    static const char *const texts[] = {"unused",    "starting",   "running", "failed",
                                        "restoring", "recovering", "given up"};

    return stage < sizeof texts / sizeof texts[0] ? texts[stage] : "?";
}

const char *service_cause(uint32_t cause)
{
    static const char *const texts[] = {"?",          "processor exception", "hang",      "protocol violation",
                                        "failed check", "panic",             "heartbeat", "killed from outside"};

    return cause < sizeof texts / sizeof texts[0] ? texts[cause] : "?";
}

static void read_account(const struct manifest_service *service, struct account *account)
{
    uint32_t slot = service_slot(service);

    *account = (struct account){0};
    pd_service_stats(slot, &account->stage, &account->incarnation, &account->restarts, &account->clients);
    if (pd_service_usage(slot) == PD_OK) {
        memcpy(&account->usage, pd_message(), sizeof account->usage);
    }
    if (pd_invoke_4(slot, SERVICE_RECORD, 0, 0, 0, 0) == PD_OK) {
        memcpy(&account->fault, pd_message(), sizeof account->fault);
    }
}

static void print_account(const struct manifest_service *service, const struct account *account)
{
    const struct service_usage *usage = &account->usage;

    printf("%-9s %-10s %11lu %8lu %7lu %7lu.%03lu %8lu %7lu %7lu  ", service->name, stage_text(account->stage),
           account->incarnation, account->restarts, account->clients, usage->own_ns / NS_PER_MS,
           usage->own_ns / (NS_PER_MS / 1000) % 1000, usage->seen_ticks, usage->used_pages * (PAGE_BYTES / 1024),
           usage->regions * usage->region_bytes);
    if (account->fault.index) {
        printf("%s at %#lx", service_cause(account->fault.cause), account->fault.rip);
    }
}

/* With `before`, each one's account then, what it has used of the processor since; *before is the account now afterwards. */
static void print_all(struct account *before, uint64_t interval_ms)
{
    printf("%s%-9s %-10s %11s %8s %7s %11s %8s %7s %7s  %s\n", before ? "  cpu " : "", "service", "stage", "incarnation",
           "restarts", "clients", "own ms", "seen ms", "KiB", "regions", "last fault");
    for (unsigned number = 0; number < MANIFEST_SERVICES; number++) {
        const struct manifest_service *service = &manifest_services[number];
        struct account account;

        if (!service_supervised(service)) {
            continue;
        }
        read_account(service, &account);
        if (before) {
            uint64_t ticks = account.usage.seen_ticks - before[number].usage.seen_ticks;

            printf("%3lu %% ", ticks * 100 / interval_ms);
            before[number] = account;
        }
        print_account(service, &account);
        putchar('\n');
    }
}

int services_run(int count, char **words)
{
    (void)count;
    (void)words;
    print_all(NULL, 0);
    return 0;
}

static const char *const class_names[SCHED_CLASSES] = {"realtime", "interactive", "shared", "background"};
static const char *const policy_names[SCHED_POLICIES] = {"fixed", "share", "deadline"};

/* The place of `word` among the names, or their count. */
static unsigned place_of(const char *word, const char *const *names, unsigned count)
{
    unsigned place = 0;

    while (place < count && strcmp(word, names[place]) != 0) {
        place++;
    }
    return place;
}

static int show_policies(const char *command)
{
    for (unsigned class = 0; class < SCHED_CLASSES; class++) {
        struct pd_call call = {.word = {class}};
        int64_t policy = pd_portal_call(SLOT_SCHED, SCHED_GET_POLICY, &call);

        if (policy < 0) {
            errno = (int)-policy;
            return complain(command, "sched");
        }
        printf("%-12s %-9s %3lu attached\n", class_names[class], policy_names[policy], call.word[1]);
    }
    return 0;
}

int policy_run(int count, char **words)
{
    unsigned class = count == 3 ? place_of(words[1], class_names, SCHED_CLASSES) : SCHED_CLASSES;
    unsigned policy = count == 3 ? place_of(words[2], policy_names, SCHED_POLICIES) : SCHED_POLICIES;
    int64_t result;

    if (count == 1) {
        return show_policies(words[0]);
    }
    if (class == SCHED_CLASSES || policy == SCHED_POLICIES) {
        fprintf(stderr, "policy: usage: policy [realtime|interactive|shared|background fixed|share|deadline]\n");
        return 2;
    }
    result = pd_sched_set_policy(SLOT_SERVICES + SERVICE_NUMBER_SCHED, class, policy);
    if (result < 0) {
        errno = (int)-result;
        return complain(words[0], words[1]);
    }
    return 0;
}

/* Wait so long for a key: whether there was one, or no more can come. */
static int key_within(int milliseconds)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};

    return poll(&input, 1, milliseconds) != 0;
}

static void show_until_key(int milliseconds, int terminal)
{
    static struct account before[MANIFEST_SERVICES];
    uint64_t then_ns = pd_now_ns();

    for (unsigned number = 0; number < MANIFEST_SERVICES; number++) {
        if (service_supervised(&manifest_services[number])) {
            read_account(&manifest_services[number], &before[number]);
        }
    }
    while (!key_within(milliseconds)) {
        uint64_t now_ns = pd_now_ns();

        fputs(terminal ? CLEAR_SCREEN : "", stdout);
        print_all(before, (now_ns - then_ns) / NS_PER_MS + 1);
        fflush(stdout);
        then_ns = now_ns;
    }
}

int top_run(int count, char **words)
{
    struct termios cooked, raw;
    int terminal = tcgetattr(STDIN_FILENO, &cooked) == 0;
    char *end = NULL;
    long seconds = count > 1 ? strtol(words[1], &end, 10) : 1;
    char key;

    if (count > 2 || (end && *end) || seconds < 1 || seconds > SECONDS_MAXIMUM) {
        fprintf(stderr, "top: usage: top [SECONDS], 1 to %d; any key ends it\n", SECONDS_MAXIMUM);
        return 2;
    }
    if (terminal) {
        raw = cooked;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    show_until_key((int)seconds * 1000, terminal);
    if (terminal) {
        if (read(STDIN_FILENO, &key, 1) < 0) {
            complain("top", "standard input");
        }
        tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
    }
    return 0;
}
