/* SPDX-License-Identifier: MIT */
/* System calls and service calls. Rule: each operation is one invocation, inlined; results are checked. */
#include <errno.h>

#include "abi/echo.h"
#include "abi/manifest.h"
#include "perdure/portal.h"
#include "perdure/service.h"
#include "perdure/slots.h"
#include "user/bench/bench.h"

#define SSR_BYTES_WRITTEN 64
#define CALL_ITERATIONS 10000
#define CALL_COUNTED 100

static uint32_t echo;  /* with a server state region of 256 bytes */
static uint32_t echo0; /* without one */

static int failed(void)
{
    errno = EIO;
    return -1;
}

static int nothing(uint64_t iteration)
{
    (void)iteration;
    return 0;
}

/* The cheapest system call: ask a capability what it is. */
static int null_invoke(uint64_t iteration)
{
    int64_t status = SLOT_SELF_THREAD | OBJECT_IDENTIFY << INVOKE_OPERATION_SHIFT;

    (void)iteration; /* it takes no words, so none are loaded */
    __asm__ volatile("syscall" : "+a"(status) : : "rcx", "rdx", "rsi", "rdi", "r11", "memory");
    return status == PD_OK ? 0 : failed();
}

static int call_0w(uint64_t iteration)
{
    struct pd_call call = {0};

    (void)iteration;
    return pd_invoke(echo0, ECHO_NULL, &call) == PD_OK ? 0 : failed();
}

static int call_4w(uint64_t iteration)
{
    struct pd_call call = {.word = {iteration, 1, 2, 3}};

    return pd_invoke(echo0, ECHO_ADD4, &call) == PD_OK && call.word[0] == iteration + 6 ? 0 : failed();
}

static int call_ssr_256(uint64_t iteration)
{
    struct pd_call call = {.word = {SSR_BYTES_WRITTEN, 0, 0, 0}};

    (void)iteration;
    return pd_invoke(echo, ECHO_TOUCH, &call) == PD_OK && (int64_t)call.word[0] > 0 ? 0 : failed();
}

static int bind(uint32_t number, uint32_t *portal)
{
    uint64_t binding;

    *portal = pd_slot_take();
    if (pd_service_bind(SLOT_SERVICES + number, SLOT_SELF_DOMAIN, *portal, 0, &binding) != PD_OK) {
        errno = EACCES;
        return bench_failed("echo", "binding to the service");
    }
    return 0;
}

int bench_calls(const char *wanted)
{
    static const struct bench_row rows[] = {
        {"empty", nothing, 0, CALL_ITERATIONS, CALL_COUNTED, 0},
        {"null_invoke", null_invoke, 0, CALL_ITERATIONS, CALL_COUNTED, 0},
        {"call_0w", call_0w, 0, CALL_ITERATIONS, CALL_COUNTED, 0},
        {"call_4w", call_4w, 0, CALL_ITERATIONS, CALL_COUNTED, 0},
        {"call_ssr_256", call_ssr_256, 0, CALL_ITERATIONS, CALL_COUNTED, 0},
    };
    int failures = 0;

    if (bind(SERVICE_NUMBER_ECHO, &echo) != 0 || bind(SERVICE_NUMBER_ECHO0, &echo0) != 0) {
        return 1;
    }
    for (unsigned index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        if (bench_wanted(wanted, rows[index].name)) {
            failures += bench_measure(&rows[index]) != 0;
        }
    }
    return failures;
}
