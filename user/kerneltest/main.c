/* SPDX-License-Identifier: MIT */
/* The order of the tests, and the count of what each leaves behind. Rule: harness.h. */
#include <stdio.h>
#include <string.h>

#include "harness.h"

static const struct test *const groups[] = {
    rights_tests,
    revoke_tests,
    quota_tests,
    page_tests,
    clone_tests,
    pager_tests,
    transfer_tests,
    lending_tests,
    call_tests,
    check_tests,
    handover_tests,
    handover_end_tests,
    timeout_tests,
    service_tests,
    end_tests,
    time_tests,
    scheduling_tests,
    argument_tests,
    hostile_tests,
};

static int ok_count, failed_count;

static int wanted(const char *name, int count, char **names)
{
    for (int index = 0; index < count; index++) {
        if (strcmp(name, names[index]) == 0) {
            return 1;
        }
    }
    return count == 0;
}

/* 0: what a failed test left behind would disturb the next ones. */
static int run(const struct test *test)
{
    struct pd_machine machine_before, machine_after;
    const char *reason;
    uint64_t before, after;

    harness_reset();
    before = pages_in_use();
    pd_machine(SLOT_SELF_DOMAIN, &machine_before);
    reason = test->run();
    after = pages_in_use();
    pd_machine(SLOT_SELF_DOMAIN, &machine_after);
    if (!reason && threads_alive() != 1) {
        reason = failure(0, "threads alive afterwards", (int64_t)threads_alive(), 1);
    }
    if (!reason && after != before) {
        reason = failure(0, "pages in use afterwards", (int64_t)after, (int64_t)before);
    }
    if (!reason && machine_after.free_pages != machine_before.free_pages) {
        reason = failure(0, "free pages of the machine", (int64_t)machine_after.free_pages,
                         (int64_t)machine_before.free_pages);
    }
    if (!reason && machine_after.chunks != machine_before.chunks) {
        reason = failure(0, "pieces of the kernel's memory", (int64_t)machine_after.chunks, (int64_t)machine_before.chunks);
    }
    if (reason) {
        printf("FAIL %s %s\n", test->name, reason);
        failed_count++;
    } else {
        printf("ok %s\n", test->name);
        ok_count++;
    }
    fflush(stdout);
    return !reason || (after == before && threads_alive() == 1);
}

int main(int argument_count, char **arguments)
{
    int clean = 1;

    printf("kerneltest\n"); /* what the C library takes at its first output is no test's */
    harness_begin();
    for (unsigned group = 0; group < sizeof groups / sizeof groups[0]; group++) {
        for (const struct test *test = groups[group]; clean && test->name; test++) {
            if (wanted(test->name, argument_count - 1, arguments + 1)) {
                clean = run(test);
            }
        }
    }
    printf("verdict: %d ok, %d failed\n", ok_count, failed_count);
    return failed_count ? 1 : 0;
}
