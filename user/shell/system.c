/* SPDX-License-Identifier: MIT */
/*
 * Commands about services and programs. Rule: the shell supervises only by looking and by `crash`; bringing back is the
 * monitor's.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "abi/manifest.h"
#include "newlib/children.h"
#include "perdure/boot.h"
#include "perdure/domain.h"
#include "perdure/portal.h"
#include "perdure/service.h"
#include "perdure/thread.h"
#include "user/shell/shell.h"

#define RECOVERY_WAITS 200
#define RECOVERY_WAIT_US 1000

/* The service of this name, NULL if there is none. */
static const struct manifest_service *find_service(const char *name)
{
    for (unsigned number = 0; number < MANIFEST_SERVICES; number++) {
        if (service_supervised(&manifest_services[number]) && strcmp(manifest_services[number].name, name) == 0) {
            return &manifest_services[number];
        }
    }
    return NULL;
}

static void print_step(const char *what, uint64_t fault, uint64_t step)
{
    if (step) {
        uint64_t ns = pd_ticks_to_ns(step - fault, pd_boot_info()->tsc_hz);

        printf("  %7lu.%03lu us  %s\n", (unsigned long)(ns / 1000), (unsigned long)(ns % 1000), what);
    }
}

static void print_trace(const struct manifest_service *service, const struct recovery_record *record)
{
    printf("%s: %s at %#lx; incarnation %u runs\n", service->name, service_cause(record->cause),
           (unsigned long)record->fault_rip, record->incarnation);
    print_step("callers parked, transaction rolled back", record->t_fault, record->t_parked);
    print_step("decided what to do", record->t_fault, record->t_decided);
    print_step("code checked, data restored", record->t_fault, record->t_restored);
    print_step("the new incarnation started", record->t_fault, record->t_started);
    print_step("its state is rebuilt", record->t_fault, record->t_ready);
    print_step("the parked call ran again", record->t_fault, record->t_rerun);
    print_step("its reply was committed", record->t_fault, record->t_replied);
}

/* Wait until the service runs again; its stage then. */
static uint64_t wait_until_running(const struct manifest_service *service)
{
    uint64_t stage = STAGE_UNUSED;
    uint64_t number;

    for (int turn = 0; turn < RECOVERY_WAITS; turn++) {
        if (pd_service_stats(service_slot(service), &stage, &number, &number, &number) != PD_OK ||
            stage == STAGE_RUNNING || stage == STAGE_GIVEN_UP) {
            break;
        }
        usleep(RECOVERY_WAIT_US);
    }
    return stage;
}

static int show_trace(const struct manifest_service *service)
{
    struct recovery_record record;

    if (pd_service_trace(service_slot(service), 0) != PD_OK) {
        printf("%s has never been restarted\n", service->name);
        return 0;
    }
    memcpy(&record, pd_message(), sizeof record);
    print_trace(service, &record);
    return 0;
}

static int service_argument(int count, char **words, const struct manifest_service **service)
{
    *service = count == 2 ? find_service(words[1]) : NULL;
    if (!*service) {
        fprintf(stderr, "%s: usage: %s SERVICE, one of:", words[0], words[0]);
        for (unsigned number = 0; number < MANIFEST_SERVICES; number++) {
            if (service_supervised(&manifest_services[number])) {
                fprintf(stderr, " %s", manifest_services[number].name);
            }
        }
        fputc('\n', stderr);
        return 2;
    }
    return 0;
}

static int run_crash(int count, char **words)
{
    const struct manifest_service *service;
    int64_t status;

    if (service_argument(count, words, &service) != 0) {
        return 2;
    }
    fflush(stdout);
    status = pd_service_crash(service_slot(service));
    if (status != PD_OK) {
        fprintf(stderr, "crash: %s: %s\n", service->name, pd_status_text(status));
        return 1;
    }
    if (wait_until_running(service) != STAGE_RUNNING) {
        fprintf(stderr, "crash: %s did not come back\n", service->name);
        return 1;
    }
    return show_trace(service);
}

static int run_trace(int count, char **words)
{
    const struct manifest_service *service;

    return service_argument(count, words, &service) != 0 ? 2 : show_trace(service);
}

static void print_process(pid_t number, const char *name, uint64_t consumed_ns, uint64_t used_pages)
{
    printf("%6d %9lu.%03lu %9lu  %s\n", (int)number, consumed_ns / 1000000000, consumed_ns / 1000000 % 1000,
           used_pages * (PAGE_BYTES / 1024), name);
}

static int run_ps(int count, char **words)
{
    uint64_t consumed_ns, used_pages, ignored;
    const char *name;

    (void)count;
    (void)words;
    printf("%6s %13s %9s  %s\n", "number", "cpu s", "KiB", "program");
    pd_sched_context_info(SLOT_SCHED_CONTEXT, &consumed_ns);
    pd_domain_info(SLOT_SELF_DOMAIN, &ignored, &used_pages, &ignored, &ignored);
    print_process(getpid(), "shell", consumed_ns, used_pages);
    for (unsigned index = 0; index < GLUE_CHILDREN; index++) {
        pid_t number = glue_child_at(index, &name);

        if (number) {
            glue_child_usage(index, &consumed_ns, &used_pages);
            print_process(number, name, consumed_ns, used_pages);
        }
    }
    return 0;
}

static int run_kill(int count, char **words)
{
    int result = 0;

    if (count < 2) {
        fprintf(stderr, "kill: usage: kill NUMBER... (ps lists them)\n");
        return 2;
    }
    for (int index = 1; index < count; index++) {
        char *end;
        long number = strtol(words[index], &end, 10);

        if (*end || number == getpid()) {
            fprintf(stderr, "kill: %s: not a program that this shell has started\n", words[index]);
            result = 1;
        } else if (kill((pid_t)number, SIGKILL) != 0) {
            result = complain("kill", words[index]);
        }
    }
    return result;
}

static int run_sync(int count, char **words)
{
    struct pd_call call = {0};
    int64_t result = pd_portal_call(SLOT_FS, FS_SYNC, &call);

    (void)count;
    if (result < 0) {
        errno = (int)-result;
        return complain(words[0], "file system");
    }
    return 0;
}

static int run_uptime(int count, char **words)
{
    uint64_t seconds = pd_now_ns() / 1000000000;

    (void)count;
    (void)words;
    printf("up %lu:%02lu:%02lu\n", (unsigned long)(seconds / 3600), (unsigned long)(seconds / 60 % 60),
           (unsigned long)(seconds % 60));
    return 0;
}

static int run_df(int count, char **words)
{
    struct statvfs status;

    (void)count;
    if (statvfs("/", &status) != 0) {
        return complain(words[0], "/");
    }
    printf("%lu KiB, %lu KiB free; %lu inodes, %lu free\n", (unsigned long)(status.f_blocks * status.f_frsize / 1024),
           (unsigned long)(status.f_bfree * status.f_frsize / 1024), (unsigned long)status.f_files,
           (unsigned long)status.f_ffree);
    return 0;
}

static int run_free(int count, char **words)
{
    uint64_t quota_pages;
    uint64_t used_pages;
    uint64_t threads;
    uint64_t name;

    (void)count;
    if (pd_domain_info(SLOT_SELF_DOMAIN, &quota_pages, &used_pages, &threads, &name) != PD_OK) {
        fprintf(stderr, "%s: the shell may not ask\n", words[0]);
        return 1;
    }
    printf("%lu KiB for the shell and what it starts, %lu KiB used\n", (unsigned long)(quota_pages * 4),
           (unsigned long)(used_pages * 4));
    return 0;
}

const struct command system_commands[] = {
    {"services", "", "stage, restarts, time, memory, clients and last fault of every service", services_run},
    {"top", "[SECONDS]", "the same again and again, with what each uses of the processor, until a key", top_run},
    {"policy", "[CLASS POLICY]", "show or choose how the scheduler shares time out", policy_run},
    {"crash", "SERVICE", "kill a service in the midst of whatever it does, and show its recovery", run_crash},
    {"trace", "SERVICE", "show the last recovery of a service", run_trace},
    {"ps", "", "programs that this shell has started, with their time and memory", run_ps},
    {"kill", "NUMBER...", "end programs", run_kill},
    {"sync", "", "write everything to the disk", run_sync},
    {"df", "", "space on the disk", run_df},
    {"free", "", "memory", run_free},
    {"uptime", "", "time since power-on", run_uptime},
    {NULL, NULL, NULL, NULL},
};
