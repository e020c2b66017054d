/* SPDX-License-Identifier: MIT */
/* Clients and what is asked of services. Rule: harness.h. */
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <perdure/domain.h>
#include <perdure/slots.h>

static const char *case_name;
static int case_wrong;

void wrong(const char *format, ...)
{
    va_list arguments;

    printf("case %s: WRONG: ", case_name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    case_wrong++;
}

void expect(int64_t actual, int64_t expected, const char *what)
{
    if (actual != expected) {
        wrong("%s is %lld, not %lld", what, (long long)actual, (long long)expected);
    }
}

struct client client_bind(uint32_t number)
{
    struct client client = {.service = number, .slot = pd_slot_take()};
    int64_t status = pd_service_bind(SLOT_SERVICES + number, SLOT_SELF_DOMAIN, client.slot, 0,
                                     &client.binding);

    if (status != PD_OK) {
        printf("cannot bind to %s: %s. Does this program come from the system bundle?\n",
               service_name(number), pd_status_text(status));
        exit(2);
    }
    return client;
}

void client_unbind(struct client *client)
{
    pd_slot_drop(client->slot);
    client->slot = 0;
}

int64_t client_call(const struct client *client, uint32_t operation, uint64_t word_0, uint64_t word_1,
                    struct pd_call *call)
{
    *call = (struct pd_call){.word = {word_0, word_1, 0, 0}};
    return pd_invoke(client->slot, operation, call);
}

void client_expect(const struct client *client, uint32_t operation, uint64_t word_0, uint64_t word_1,
                   int64_t expected, const char *what)
{
    struct pd_call call;
    int64_t status = client_call(client, operation, word_0, word_1, &call);

    if (status != PD_OK) {
        wrong("%s: %s", what, pd_status_text(status));
        return;
    }
    expect((int64_t)call.word[0], expected, what);
}

const char *service_name(uint32_t number)
{
    return manifest_services[number].name;
}

/* Result `index` of STATS. */
static uint64_t service_figure(uint32_t number, unsigned index)
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(SLOT_SERVICES + number, SERVICE_STATS, &call);

    if (status != PD_OK) {
        wrong("no figures of %s: %s", service_name(number), pd_status_text(status));
    }
    return call.word[index];
}

uint64_t service_stage(uint32_t number)
{
    return service_figure(number, 0);
}

uint64_t service_restarts(uint32_t number)
{
    return service_figure(number, 2);
}

uint64_t service_bindings(uint32_t number)
{
    return service_figure(number, 3);
}

void service_crash(uint32_t number)
{
    expect(pd_service_crash(SLOT_SERVICES + number), PD_OK, "crashing a service");
}

static int run_case(const struct test_case *test_case)
{
    case_name = test_case->name;
    case_wrong = 0;
    test_case->run();
    if (case_wrong == 0) {
        printf("case %s: ok\n", case_name);
    }
    fflush(stdout);
    return case_wrong != 0;
}

static int is_wanted(const struct test_case *test_case, int count, char **names)
{
    for (int index = 0; index < count; index++) {
        if (strcmp(names[index], test_case->name) == 0 ||
            (strcmp(names[index], "all") == 0 && !test_case->destructive)) {
            return 1;
        }
    }
    return 0;
}

int main(int argument_count, char **arguments)
{
    const struct test_case *const groups[] = {fault_cases, crash_cases, storm_cases, device_cases, crowd_cases};
    int right_cases = 0;
    int wrong_cases = 0;

    for (unsigned group = 0; group < sizeof groups / sizeof groups[0]; group++) {
        for (const struct test_case *test_case = groups[group]; test_case->name; test_case++) {
            if (is_wanted(test_case, argument_count - 1, arguments + 1)) {
                int is_wrong = run_case(test_case);

                wrong_cases += is_wrong;
                right_cases += !is_wrong;
            }
        }
    }
    printf("verdict: %d ok, %d wrong\n", right_cases, wrong_cases);
    return wrong_cases || !right_cases;
}
