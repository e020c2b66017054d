/* SPDX-License-Identifier: MIT */
/*
 * kerneltest: what the kernel promises to any program, tried from a program with no rights but its own.
 *
 *     kerneltest [NAME...]     run these tests, or all
 *
 * Each test prints `ok NAME` or `FAIL NAME reason`; the last line is `verdict: N ok, M failed`, and the exit status is 0
 * only if M is 0. It must come from the payload: the image of its services is there.
 *
 * Rule: a test gives back all that it made: the pages of this program's quota, the machine's free pages and the pieces of
 * memory that the kernel holds are counted before and after, by the kernel.
 */
#ifndef USER_KERNELTEST_HARNESS_H
#define USER_KERNELTEST_HARNESS_H

#include <stdint.h>

#include <abi/kernel.h>
#include <abi/manifest.h>
#include <perdure/boot.h>
#include <perdure/domain.h>
#include <perdure/memory.h>
#include <perdure/notification.h>
#include <perdure/portal.h>
#include <perdure/service.h>
#include <perdure/slots.h>
#include <perdure/thread.h>

#include "guest.h"

#define OWN_PRIORITY 10 /* of this program: init gives it */
#define SERVICE_PRIORITY 4 /* of its own time */
#define LOW_PRIORITY 5
#define MILLISECOND_NS 1000000ul
#define NO_SLOT 4000 /* an empty one */

/* A test: NULL, or what is wrong. */
struct test {
    const char *name;
    const char *(*run)(void);
};

/* One group a line; main.c has their order. */
extern const struct test rights_tests[];
extern const struct test revoke_tests[];
extern const struct test quota_tests[];
extern const struct test page_tests[];
extern const struct test clone_tests[];
extern const struct test pager_tests[];
extern const struct test transfer_tests[];
extern const struct test lending_tests[];
extern const struct test call_tests[];
extern const struct test check_tests[];
extern const struct test handover_tests[];
extern const struct test handover_end_tests[];
extern const struct test timeout_tests[];
extern const struct test service_tests[];
extern const struct test end_tests[];
extern const struct test time_tests[];
extern const struct test scheduling_tests[];
extern const struct test argument_tests[];
extern const struct test hostile_tests[];

/* The text of a failure. */
const char *failure(int line, const char *what, int64_t actual, int64_t expected);

#define EXPECT(actual, expected)                                            \
    do {                                                                    \
        int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected); \
        if (actual_ != expected_)                                           \
            return failure(__LINE__, #actual, actual_, expected_);          \
    } while (0)

#define EXPECT_TRUE(condition) EXPECT(!!(condition), 1)

/* What is wrong there is wrong here. */
#define TRY(call)                  \
    do {                           \
        const char *why_ = (call); \
        if (why_)                  \
            return why_;           \
    } while (0)

/* Pages of this program's quota that are in use, when nothing is being given back any more. */
uint64_t pages_in_use(void);
uint64_t threads_alive(void);
void sleep_ms(uint64_t milliseconds);
/* Wait at most a second for `*flag` to be at least `value`: 1, or 0. */
int wait_for(volatile uint64_t *flag, uint64_t value);

/* A thread of this domain or of a domain made for it. The slots are this program's. */
struct task {
    uint32_t domain; /* 0: this one */
    uint32_t thread, context, stack;
};

/* In this domain, on a stack of its own. Priority at most OWN_PRIORITY. PD_OK or what failed. */
int64_t task_start(struct task *task, void (*entry)(uint64_t), uint64_t argument, uint64_t priority);
/* A domain with this program's code, the board, the buffer, and the well-known capabilities of itself. */
int64_t task_domain(struct task *task, uint64_t quota_pages);
/* The same in a domain that has been made already. */
int64_t task_furnish(struct task *task);
/* Its thread. */
int64_t task_run(struct task *task, void (*entry)(uint64_t), uint64_t argument, uint64_t priority);
/* End it, and the domain, and wait for nothing. */
void task_end(struct task *task);

/* A service made of guest_service_*; this program supervises it and is bound to it. */
struct guest_service {
    uint32_t domain, service, portal, notification;
    uint64_t binding;
};

/* Make it, launch it and become its client; service_start does both. */
int64_t service_make(struct guest_service *service, uint64_t ssr_bytes, uint64_t region_bytes, uint64_t hang_limit_us);
int64_t service_make_with_outbox(struct guest_service *service, uint64_t outbox_pages);
int64_t service_launch(struct guest_service *service);
int64_t service_start(struct guest_service *service, uint64_t ssr_bytes, uint64_t region_bytes, uint64_t hang_limit_us);
void service_stop(struct guest_service *service);
/* Wait for the next failure of it, and bring it back: PD_OK. */
int64_t service_bring_back(const struct guest_service *service);
uint64_t service_stage(const struct guest_service *service);
/* Call it with two words: result word 0, or the negative status. */
int64_t service_ask(const struct guest_service *service, uint32_t operation, uint64_t word_0, uint64_t word_1);
/* The same through another portal. */
int64_t portal_ask(uint32_t portal, uint32_t operation, uint64_t word_0, uint64_t word_1);

/* At the start of the program. */
void harness_begin(void);
/* Before each test: an empty board, an empty buffer. */
void harness_reset(void);
/* After a test has unmapped the buffer. */
void harness_map_buffer(void);

#endif
