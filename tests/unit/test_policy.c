/* SPDX-License-Identifier: MIT */
/* The recovery policy: each line of its table, then whole lives of services under it. */
/* sources: recovery/policy.c */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "recovery/policy.h"
#include "suite.h"

#define TICKS_PER_S 1000000000u

static struct fault_history history;

static void begin(void)
{
    memset(&history, 0, sizeof(history));
    history.ticks_per_s = TICKS_PER_S;
}

/* A new record comes in front of the others, as the kernel keeps them. */
static struct policy_decision happen(struct fault_record record)
{
    memmove(&history.records[1], &history.records[0],
            (POLICY_HISTORY_RECORDS - 1) * sizeof(struct fault_record));
    record.index = history.records[1].index + 1;
    if (record.time == 0) {
        record.time = history.records[1].time + 1000;
    }
    history.records[0] = record;
    if (history.count < POLICY_HISTORY_RECORDS) {
        history.count++;
    }
    return policy_decide(&history);
}

static struct fault_record in_request(uint32_t binding, uint32_t kills, uint64_t rip)
{
    return (struct fault_record){.cause = CAUSE_EXCEPTION,
                                 .vector = 14,
                                 .stage = STAGE_RUNNING,
                                 .rip = rip,
                                 .binding = binding,
                                 .operation = 3,
                                 .request_kills = kills};
}

static struct fault_record in_recovery(uint32_t suspect, uint64_t rip)
{
    return (struct fault_record){.cause = CAUSE_EXCEPTION,
                                 .vector = 13,
                                 .stage = STAGE_RECOVERING,
                                 .rip = rip,
                                 .suspect_binding = suspect};
}

static struct fault_record in_event(uint32_t suspect, uint64_t rip, uint64_t time)
{
    return (struct fault_record){.cause = CAUSE_EXCEPTION,
                                 .vector = 6,
                                 .stage = STAGE_RUNNING,
                                 .rip = rip,
                                 .suspect_binding = suspect,
                                 .time = time};
}

static struct fault_record killed(struct fault_record record)
{
    record.cause = CAUSE_KILL;
    record.vector = 0;
    return record;
}

static void expect(struct policy_decision decision, enum policy_action action, uint32_t binding,
                   const char *rule)
{
    ck_assert_int_eq(decision.action, action);
    ck_assert_uint_eq(decision.binding, binding);
    ck_assert_str_eq(decision.rule, rule);
}

START_TEST(empty_history_is_a_restart)
{
    begin();
    expect(policy_decide(&history), POLICY_RESTART, 0, "-");
}
END_TEST

START_TEST(p1_same_fault_of_one_request_three_times_is_poison)
{
    begin();
    expect(happen(in_request(5, 1, 0x1000)), POLICY_RESTART, 0, "-");
    expect(happen(in_request(5, 2, 0x1000)), POLICY_RESTART, 0, "-");
    expect(happen(in_request(5, 3, 0x1000)), POLICY_POISON, 5, "P1");
}
END_TEST

START_TEST(p1_needs_one_request)
{
    begin(); /* three clients, the same fault */
    happen(in_request(5, 1, 0x1000));
    happen(in_request(6, 1, 0x1000));
    expect(happen(in_request(7, 1, 0x1000)), POLICY_RESTART, 0, "-");
    begin(); /* one client, three requests */
    happen(in_request(5, 1, 0x1000));
    happen(in_request(5, 1, 0x1000));
    expect(happen(in_request(5, 1, 0x1000)), POLICY_RESTART, 0, "-");
    begin(); /* one client, another operation between */
    struct fault_record other = in_request(5, 2, 0x1000);

    happen(in_request(5, 1, 0x1000));
    other.operation = 4;
    happen(other);
    expect(happen(in_request(5, 3, 0x1000)), POLICY_RESTART, 0, "-");
}
END_TEST

START_TEST(p1_needs_one_fault)
{
    struct fault_record other = in_request(5, 2, 0x1000);

    begin();
    happen(in_request(5, 1, 0x1000));
    happen(in_request(5, 2, 0x1008));
    expect(happen(in_request(5, 3, 0x1000)), POLICY_RESTART, 0, "-");
    begin();
    other.vector = 13;
    happen(in_request(5, 1, 0x1000));
    happen(other);
    expect(happen(in_request(5, 3, 0x1000)), POLICY_RESTART, 0, "-");
    begin();
    other = in_request(5, 2, 0x1000);
    other.cause = CAUSE_CHECK; /* all else agrees */
    happen(in_request(5, 1, 0x1000));
    happen(other);
    expect(happen(in_request(5, 3, 0x1000)), POLICY_RESTART, 0, "-");
    begin();
    other = in_request(5, 2, 0x1000);
    other.code = 1;
    happen(in_request(5, 1, 0x1000));
    happen(other);
    expect(happen(in_request(5, 3, 0x1000)), POLICY_RESTART, 0, "-");
}
END_TEST

START_TEST(p1_is_not_confused_by_what_lies_between)
{
    begin(); /* another client's fault, a kill of the same request, a failure of recovery */
    happen(in_request(5, 1, 0x1000));
    happen(in_request(6, 1, 0x2000));
    happen(in_request(5, 2, 0x1000));
    happen(killed(in_request(5, 2, 0x3000)));
    happen(in_recovery(0, 0x4000));
    expect(happen(in_request(5, 3, 0x1000)), POLICY_POISON, 5, "P1");
}
END_TEST

START_TEST(p1_hang_is_the_same_wherever_it_is_stopped)
{
    begin();
    for (uint32_t kills = 1; kills <= 6; kills++) { /* hangs, and of a later request missed heartbeats */
        struct fault_record record = in_request(5, (kills - 1) % 3 + 1, 0x1000 + kills * 64);

        record.cause = kills <= 3 ? CAUSE_HANG : CAUSE_HEARTBEAT;
        record.vector = 0;
        expect(happen(record), kills % 3 ? POLICY_RESTART : POLICY_POISON, kills % 3 ? 0 : 5,
               kills % 3 ? "-" : "P1");
    }
}
END_TEST

START_TEST(p2_many_differing_faults_of_one_request_are_poison)
{
    begin();
    for (uint32_t kills = 1; kills < POLICY_ANY_REQUEST_FAULTS; kills++) {
        expect(happen(in_request(5, kills, 0x1000 + kills)), POLICY_RESTART, 0, "-");
        expect(happen(in_request(6, 1, 0x9000)), POLICY_RESTART, 0, "-");
    }
    expect(happen(in_request(5, POLICY_ANY_REQUEST_FAULTS, 0x5000)), POLICY_POISON, 5, "P2");
}
END_TEST

START_TEST(k_kills_are_never_evidence)
{
    begin();
    for (uint32_t round = 0; round < 100; round++) {
        expect(happen(killed(in_request(5, 0, 0x1000))), POLICY_RESTART, 0, "K");
        expect(happen(killed(in_recovery(5, 0x1000))), POLICY_RESTART, 0, "K");
        expect(happen(killed(in_event(5, 0x1000, 0))), POLICY_RESTART, 0, "K");
    }
}
END_TEST

START_TEST(s1_ssr_that_ends_recovery_twice_is_left_out)
{
    begin();
    happen(in_request(9, 1, 0x500));
    expect(happen(in_recovery(5, 0x1000)), POLICY_RESTART, 0, "-");
    expect(happen(in_recovery(5, 0x1000)), POLICY_RESTART_WITHOUT_SSR, 5, "S1");
    expect(happen(in_recovery(6, 0x1000)), POLICY_RESTART, 0, "-");
    expect(happen(in_recovery(7, 0x1000)), POLICY_RESTART, 0, "-");
    expect(happen(in_recovery(6, 0x1000)), POLICY_RESTART_WITHOUT_SSR, 6, "S1");
}
END_TEST

START_TEST(s1_needs_the_same_recovery)
{
    begin(); /* between the two it was ready, for it served a request */
    happen(in_recovery(5, 0x1000));
    happen(in_request(9, 1, 0x500));
    expect(happen(in_recovery(5, 0x1000)), POLICY_RESTART, 0, "-");
}
END_TEST

START_TEST(s2_ssr_that_ends_events_is_left_out)
{
    begin();
    expect(happen(in_event(5, 0x1000, 1)), POLICY_RESTART, 0, "-");
    expect(happen(in_event(5, 0x1000, 2)), POLICY_RESTART, 0, "-");
    expect(happen(in_event(5, 0x1000, 3)), POLICY_RESTART_WITHOUT_SSR, 5, "S2");
}
END_TEST

START_TEST(s2_needs_succession)
{
    struct fault_record between[] = {in_request(9, 1, 0x1000), in_recovery(5, 0x1000), in_event(6, 0x1000, 0),
                                     in_event(5, 0x1008, 0)};

    for (size_t index = 0; index < sizeof(between) / sizeof(between[0]); index++) {
        begin();
        happen(in_event(5, 0x1000, 0));
        happen(in_event(5, 0x1000, 0));
        happen(between[index]);
        expect(happen(in_event(5, 0x1000, 0)), POLICY_RESTART, 0, "-");
        happen(killed(between[index]));
        expect(happen(in_event(5, 0x1000, 0)), POLICY_RESTART, 0, "-");
        happen(killed(in_event(5, 0x1000, 0)));
        expect(happen(in_event(5, 0x1000, 0)), POLICY_RESTART_WITHOUT_SSR, 5, "S2");
    }
}
END_TEST

START_TEST(g1_recovery_that_never_ends_is_given_up)
{
    begin();
    happen(in_request(9, 1, 0x500));
    for (uint32_t fault = 1; fault < POLICY_RECOVERY_FAULTS; fault++) {
        expect(happen(in_recovery(0, 0x1000)), POLICY_RESTART, 0, "-");
        expect(happen(killed(in_recovery(0, 0x1000))), POLICY_RESTART, 0, "K");
    }
    expect(happen(in_recovery(0, 0x1000)), POLICY_GIVE_UP, 0, "G1");
}
END_TEST

START_TEST(g1_first_start_that_fails_is_given_up)
{
    begin();
    for (uint32_t fault = 1; fault <= POLICY_RECOVERY_FAULTS; fault++) {
        struct fault_record record = in_recovery(0, 0x1000 + fault);

        record.stage = STAGE_FRESH_START;
        expect(happen(record), fault < POLICY_RECOVERY_FAULTS ? POLICY_RESTART : POLICY_GIVE_UP, 0,
               fault < POLICY_RECOVERY_FAULTS ? "-" : "G1");
    }
}
END_TEST

START_TEST(g1_progress_counts)
{
    begin(); /* 50 bad regions: each costs two recoveries, and none of it is hopeless */
    for (uint32_t binding = 1; binding <= 50; binding++) {
        expect(happen(in_recovery(binding, 0x1000)), POLICY_RESTART, 0, "-");
        expect(happen(in_recovery(binding, 0x1000)), POLICY_RESTART_WITHOUT_SSR, binding, "S1");
    }
}
END_TEST

START_TEST(g2_event_that_always_kills_is_given_up)
{
    begin();
    for (uint32_t fault = 1; fault < POLICY_EVENT_FAULTS; fault++) {
        expect(happen(in_event(0, 0x1000, fault * 1000)), POLICY_RESTART, 0, "-");
    }
    expect(happen(in_event(0, 0x1000, 16000)), POLICY_GIVE_UP, 0, "G2");
    begin(); /* long after power-on, and exactly within the window */
    for (uint64_t fault = 0; fault < POLICY_EVENT_FAULTS; fault++) {
        uint64_t time = 1000 * (uint64_t)TICKS_PER_S +
                        fault * (POLICY_EVENT_WINDOW_S * (uint64_t)TICKS_PER_S / 15);

        if (fault == POLICY_EVENT_FAULTS - 1) {
            time = 1000 * (uint64_t)TICKS_PER_S + POLICY_EVENT_WINDOW_S * (uint64_t)TICKS_PER_S;
        }
        happen(in_event(0, 0x1000, time));
    }
    expect(policy_decide(&history), POLICY_GIVE_UP, 0, "G2");
    begin(); /* the same within a year is weather */
    for (uint32_t fault = 1; fault < 100; fault++) {
        expect(happen(in_event(0, 0x1000, (uint64_t)fault * TICKS_PER_S)), POLICY_RESTART, 0, "-");
    }
}
END_TEST

/*
 * A service under the policy: clients with requests, one of which may be poison, and regions, some of which
 * may be bad. Lives until everything is answered; random kills and random faults strike in between.
 */
struct life {
    uint32_t clients;
    uint32_t poison_client;   /* 0: none */
    uint32_t bad_region;      /* 0: none; a bit mask of clients */
    uint32_t strike_permille; /* chance that a random fault or kill ends a transaction */
    uint32_t answered;        /* bit masks of clients */
    uint32_t poisoned;
    uint32_t quarantined;
    uint32_t kills[33];
    uint32_t deaths;
    bool given_up;
    bool recovering;
};

static bool strikes(const struct life *life)
{
    return (uint32_t)(random() % 1000) < life->strike_permille;
}

static struct fault_record random_strike(struct life *life, struct fault_record record)
{
    if (random() % 2) {
        return killed(record);
    }
    record.vector = (uint32_t)(random() % 20);
    record.rip = 0x100000 + (uint64_t)(random() % 20000);
    if (record.binding) {
        record.request_kills = ++life->kills[record.binding];
    }
    return record;
}

static void obey(struct life *life, struct policy_decision decision)
{
    life->deaths++;
    life->recovering = true;
    switch (decision.action) {
    case POLICY_POISON:
        life->poisoned |= 1u << decision.binding;
        break;
    case POLICY_RESTART_WITHOUT_SSR:
        life->quarantined |= 1u << decision.binding;
        break;
    case POLICY_GIVE_UP:
        life->given_up = true;
        break;
    default:
        break;
    }
}

/* One recovery. Whatever fault it meets goes to the policy. */
static void recover(struct life *life)
{
    for (uint32_t client = 1; client <= life->clients; client++) {
        if (life->quarantined & 1u << client) {
            continue;
        }
        if (life->bad_region & 1u << client) {
            obey(life, happen(in_recovery(client, 0x2000)));
            return;
        }
        if (strikes(life)) {
            obey(life, happen(random_strike(life, in_recovery(client, 0))));
            return;
        }
    }
    life->recovering = false;
}

static void serve(struct life *life, uint32_t client)
{
    struct fault_record record = in_request(client, 0, 0x3000);

    if (strikes(life)) {
        obey(life, happen(random_strike(life, record)));
    } else if (client == life->poison_client) {
        record.request_kills = ++life->kills[client];
        obey(life, happen(record));
    } else {
        life->answered |= 1u << client;
        life->kills[client] = 0;
    }
}

static void live(struct life *life)
{
    uint32_t all = (uint32_t)((1ull << (life->clients + 1)) - 2);

    begin();
    life->recovering = true;
    for (uint32_t step = 0; !life->given_up; step++) {
        uint32_t done = life->answered | life->poisoned | life->quarantined;

        if (step > 100000) {
            ck_abort_msg("this life does not end");
        }
        if (life->recovering) {
            recover(life);
        } else if ((done & all) == all) {
            return;
        } else {
            uint32_t client = 1 + (uint32_t)random() % life->clients;

            if (!(done & 1u << client)) {
                serve(life, client);
            }
        }
    }
}

START_TEST(poison_costs_its_client_alone)
{
    for (uint32_t seed = 0; seed < 2000; seed++) {
        struct life life = {.clients = 8, .poison_client = 3};

        srandom(seed);
        live(&life);
        ck_assert_uint_eq(life.poisoned, 1u << 3);
        ck_assert_uint_eq(life.quarantined, 0);
        ck_assert_uint_eq(life.deaths, POLICY_SAME_REQUEST_FAULTS);
        ck_assert(!life.given_up);
    }
}
END_TEST

START_TEST(bad_regions_cost_their_clients_alone)
{
    for (uint32_t seed = 0; seed < 2000; seed++) {
        struct life life = {.clients = 16, .bad_region = 1u << 3 | 1u << 4 | 1u << 16};

        srandom(seed);
        live(&life);
        ck_assert_uint_eq(life.quarantined, life.bad_region);
        ck_assert_uint_eq(life.poisoned, 0);
        ck_assert_uint_eq(life.deaths, 6);
        ck_assert(!life.given_up);
    }
}
END_TEST

/*
 * One transaction in forty is struck, recoveries of eight regions thus one in five: nobody may pay for the
 * weather.
 */
START_TEST(weather_costs_nobody)
{
    for (uint32_t seed = 0; seed < 2000; seed++) {
        struct life life = {.clients = 8, .strike_permille = 25};

        srandom(seed);
        live(&life);
        ck_assert_uint_eq(life.poisoned, 0);
        ck_assert_uint_eq(life.quarantined, 0);
        ck_assert(!life.given_up);
    }
}
END_TEST

START_TEST(poison_is_found_in_bad_weather)
{
    uint32_t given_up = 0;

    for (uint32_t seed = 0; seed < 2000; seed++) {
        struct life life = {.clients = 8, .poison_client = 5, .bad_region = 1u << 2, .strike_permille = 15};

        srandom(seed);
        live(&life);
        given_up += life.given_up;
        if (!life.given_up) {
            ck_assert_uint_eq(life.poisoned, 1u << 5);
            ck_assert_uint_eq(life.quarantined, 1u << 2);
        }
    }
    ck_assert_uint_eq(given_up, 0);
}
END_TEST

/* Any bytes at all give a decision about a client that the newest record names. */
START_TEST(any_history_gives_a_decision)
{
    srandom(1);
    for (uint32_t round = 0; round < 20000; round++) {
        struct policy_decision decision;

        history.count = 1 + (uint32_t)random() % POLICY_HISTORY_RECORDS;
        for (size_t index = 0; index < sizeof(history.records); index++) {
            ((uint8_t *)history.records)[index] = (uint8_t)(random() % 3);
        }
        decision = policy_decide(&history);
        if (decision.action == POLICY_POISON && decision.binding != history.records[0].binding) {
            ck_abort_msg("poison of another");
        }
        if (decision.action == POLICY_RESTART_WITHOUT_SSR &&
            decision.binding != history.records[0].suspect_binding) {
            ck_abort_msg("quarantine of another");
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *table = tcase_create("table");
    TCase *lives = tcase_create("lives");

    tcase_add_test(table, empty_history_is_a_restart);
    tcase_add_test(table, p1_same_fault_of_one_request_three_times_is_poison);
    tcase_add_test(table, p1_needs_one_request);
    tcase_add_test(table, p1_needs_one_fault);
    tcase_add_test(table, p1_is_not_confused_by_what_lies_between);
    tcase_add_test(table, p1_hang_is_the_same_wherever_it_is_stopped);
    tcase_add_test(table, p2_many_differing_faults_of_one_request_are_poison);
    tcase_add_test(table, k_kills_are_never_evidence);
    tcase_add_test(table, s1_ssr_that_ends_recovery_twice_is_left_out);
    tcase_add_test(table, s1_needs_the_same_recovery);
    tcase_add_test(table, s2_ssr_that_ends_events_is_left_out);
    tcase_add_test(table, s2_needs_succession);
    tcase_add_test(table, g1_recovery_that_never_ends_is_given_up);
    tcase_add_test(table, g1_first_start_that_fails_is_given_up);
    tcase_add_test(table, g1_progress_counts);
    tcase_add_test(table, g2_event_that_always_kills_is_given_up);
    tcase_add_test(lives, poison_costs_its_client_alone);
    tcase_add_test(lives, bad_regions_cost_their_clients_alone);
    tcase_add_test(lives, weather_costs_nobody);
    tcase_add_test(lives, poison_is_found_in_bad_weather);
    tcase_add_test(lives, any_history_gives_a_decision);
    tcase_set_timeout(lives, 60);
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, lives);
    return suite_run(suite);
}
