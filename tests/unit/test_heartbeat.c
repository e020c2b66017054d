/* SPDX-License-Identifier: MIT */
/* The times at which the monitor has services look at themselves. */
/* sources: recovery/heartbeat.c */
#include <check.h>
#include <stdlib.h>

#include "abi/manifest.h"
#include "recovery/heartbeat.h"
#include "suite.h"

#define LONGEST_US 1000000u
#define STEP_NS    777777u

/* Who looks at each of the times that it is told to finds as many beats of each service as there are, and looks no more often. */
START_TEST(every_beat_is_met_once_and_there_is_no_look_without_one)
{
    uint64_t beats[MANIFEST_SERVICES] = {0}, looked_ns = 3 * STEP_NS, start_ns = looked_ns;

    while (looked_ns < 3000000000u) {
        uint64_t next_ns = heartbeat_next_ns(LONGEST_US, looked_ns);
        uint32_t met = heartbeat_is_between(LONGEST_US, looked_ns, next_ns);

        ck_assert_uint_gt(next_ns, looked_ns);
        for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
            uint64_t period_us = manifest_services[number].heartbeat_us;

            ck_assert(!heartbeat_is_between(period_us, looked_ns, next_ns - 1));
            beats[number] += heartbeat_is_between(period_us, looked_ns, next_ns);
            met += heartbeat_is_between(period_us, looked_ns, next_ns);
        }
        ck_assert_uint_gt(met, 0);
        looked_ns = next_ns;
    }
    for (uint32_t number = 0; number < MANIFEST_SERVICES; number++) {
        uint64_t period_ns = manifest_services[number].heartbeat_us * 1000ul;

        ck_assert_uint_eq(beats[number], period_ns ? looked_ns / period_ns - start_ns / period_ns : 0);
    }
    ck_assert_uint_gt(beats[SERVICE_NUMBER_TIMER], 0);
}
END_TEST

START_TEST(a_look_that_is_late_meets_each_service_once)
{
    ck_assert(heartbeat_is_between(1000, 999999, 1000000));
    ck_assert(heartbeat_is_between(1000, 999999, 9000000));
    ck_assert(!heartbeat_is_between(1000, 1000000, 1999999));
    ck_assert(!heartbeat_is_between(0, 0, UINT64_MAX));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heartbeat");
    TCase *tests = tcase_create("heartbeat");

    tcase_add_test(tests, every_beat_is_met_once_and_there_is_no_look_without_one);
    tcase_add_test(tests, a_look_that_is_late_meets_each_service_once);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
