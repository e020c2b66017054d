/* SPDX-License-Identifier: MIT */
/*
 * recovery: makes services fail in every way it knows, as their client, and checks what a client sees.
 *
 *     recovery CASE...     run these cases; `recovery all` runs those that leave every service alive
 *
 * Each case prints `case NAME: ok`, or `case NAME: WRONG: what` for each thing that is not as it must be;
 * the last line is `verdict: N ok, M wrong`, and the exit status is 0 only if M is 0.
 *
 * Rule: a case leaves services as it found them, but for those that say they end one. Supervision is
 * needed, so this program works only from the system bundle.
 */
#ifndef USER_RECOVERY_HARNESS_H
#define USER_RECOVERY_HARNESS_H

#include <stdint.h>

#include <abi/manifest.h>
#include <abi/posix_errno.h>
#include <perdure/portal.h>
#include <perdure/service.h>

/* What the running case has to say. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* wrong() unless `actual` is `expected`. */
void expect(int64_t actual, int64_t expected, const char *what);

struct test_case {
    const char *name;
    void (*run)(void);
    int destructive; /* a service is gone afterwards; not part of `all` */
};

extern const struct test_case fault_cases[];  /* faults.c */
extern const struct test_case crash_cases[];  /* crashes.c */
extern const struct test_case storm_cases[];  /* storm.c */
extern const struct test_case device_cases[]; /* devices.c */
extern const struct test_case crowd_cases[];  /* crowd.c */

/* A binding of this program to a service; each is a client of its own. */
struct client {
    uint32_t service; /* number in the manifest */
    uint32_t slot;    /* of the portal */
    uint64_t binding;
};

/* Become a client of service `number` once more; ends the program if that cannot be. */
struct client client_bind(uint32_t number);

/* Give the portal up, which ends the binding. */
void client_unbind(struct client *client);

/* Call with up to four words. Returns the kernel's status; the result words are in *call. */
int64_t client_call(const struct client *client, uint32_t operation, uint64_t word_0, uint64_t word_1,
                    struct pd_call *call);

/* The call must be answered, with this result word 0. */
void client_expect(const struct client *client, uint32_t operation, uint64_t word_0, uint64_t word_1,
                   int64_t expected, const char *what);

/* The name of a service. */
const char *service_name(uint32_t number);

/* How often the service has been restarted; its stage; its bindings. */
uint64_t service_restarts(uint32_t number);
uint64_t service_stage(uint32_t number);
uint64_t service_bindings(uint32_t number);

/* End the incarnation of a service from outside. */
void service_crash(uint32_t number);

/*
 * A second thread of its own priority, which crashes services while the first thread is in the midst of
 * something. strike() has it do so at once at `priority` and returns when it has; begin_storm() lets it go
 * on by itself for so many rounds or until end_storm(). A storm must be seen to be over before the next
 * order.
 */
void strike(uint64_t priority, const uint32_t *numbers, uint32_t count);
void begin_storm(const uint32_t *numbers, uint32_t count, uint32_t rounds, uint64_t seed);
void end_storm(void);
int storm_is_over(void);
uint64_t storm_crashes(void);

#endif
