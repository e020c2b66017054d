/* SPDX-License-Identifier: MIT */
/*
 * Notifications, page faults, mappings. Rule: a page fault is measured by one write to a page that was never touched, where its
 * table of entries is there already: what is counted is the fault, the making of the page (512 quadwords of zeros, which
 * count as many instructions) and, of a pager, its call.
 */
#include <errno.h>

#include "abi/echo.h"
#include "abi/manifest.h"
#include "perdure/domain.h"
#include "perdure/memory.h"
#include "perdure/notification.h"
#include "perdure/portal.h"
#include "perdure/service.h"
#include "perdure/slots.h"
#include "user/bench/bench.h"

#define ITERATIONS 1000
#define COUNTED 100
#define PAGES 1536 /* for both passes and what comes before them */
#define KERNEL_AT 0x400000000ul
#define PAGER_AT 0x410000000ul
#define MAP_AT 0x420000000ul
#define MAPPED 4 /* places that the rows of mapping use in turn */
#define MAP_COUNTED MAPPED
#define FIRST_DERIVED 3000 /* slots that nothing else uses */
#define DERIVED 64
#define REVOKE_ITERATIONS 100

static uint32_t notification, semaphore, mapped;
static uint64_t kernel_next, pager_next; /* pages touched so far */

static int failed(void)
{
    errno = EIO;
    return -1;
}

static int signal_wait(uint64_t iteration)
{
    uint64_t bits;

    (void)iteration;
    return pd_signal(notification, 1) == PD_OK && pd_wait(notification, 1, 0, &bits) == PD_OK && bits == 1 ? 0 : failed();
}

static int post_take(uint64_t iteration)
{
    (void)iteration;
    return pd_semaphore_post(semaphore, 1) == PD_OK && pd_semaphore_take(semaphore, 0) == PD_OK ? 0 : failed();
}

/* As many as one of the kernel's steps deletes. */
static int derive(uint64_t iteration)
{
    (void)iteration;
    for (uint32_t slot = FIRST_DERIVED; slot < FIRST_DERIVED + DERIVED; slot++) {
        if (pd_copy(SLOT_SELF_DOMAIN, notification, SLOT_SELF_DOMAIN, slot, RIGHT_USE, 0) != PD_OK) {
            return failed();
        }
    }
    return 0;
}

static int revoke(uint64_t iteration)
{
    (void)iteration;
    return pd_revoke(SLOT_SELF_DOMAIN, notification) == PD_OK ? 0 : failed();
}

static int touch(uint64_t at, uint64_t *next)
{
    *(volatile uint64_t *)(at + (*next)++ * PAGE_BYTES) = 1;
    return 0;
}

static int fault_kernel(uint64_t iteration)
{
    (void)iteration;
    return touch(KERNEL_AT, &kernel_next);
}

static int fault_pager(uint64_t iteration)
{
    (void)iteration;
    return touch(PAGER_AT, &pager_next);
}

static uint64_t place(uint64_t iteration)
{
    return MAP_AT + (1 + iteration % MAPPED) * PAGE_BYTES;
}

static int map_page(uint64_t iteration)
{
    return pd_map(SLOT_SELF_DOMAIN, mapped, place(iteration), 1 + iteration % MAPPED, 1, RIGHT_USE | RIGHT_WRITE,
                  MAP_RESIDENT) == PD_OK
               ? 0
               : failed();
}

static int unmap_page(uint64_t iteration)
{
    return pd_unmap(SLOT_SELF_DOMAIN, place(iteration), 1) == PD_OK ? 0 : failed();
}

static int make(uint32_t *memory, uint64_t pages, uint64_t at, uint64_t shown)
{
    *memory = pd_slot_take();
    return pd_create_memory(SLOT_SELF_DOMAIN, *memory, pages, 0) == PD_OK &&
                   pd_map(SLOT_SELF_DOMAIN, *memory, at, 0, shown, RIGHT_USE | RIGHT_WRITE, 0) == PD_OK
               ? 0
               : failed();
}

/* Touch the first page of each table of entries. */
static void make_tables(uint64_t at)
{
    for (uint64_t page = 0; page < PAGES; page += 512) {
        *(volatile uint64_t *)(at + page * PAGE_BYTES) = 1;
    }
}

static int prepare(void)
{
    uint32_t portal = pd_slot_take(), plain, paged;
    uint64_t binding;

    notification = pd_slot_take();
    semaphore = pd_slot_take();
    if (pd_create_notification(SLOT_SELF_DOMAIN, notification) != PD_OK ||
        pd_create_semaphore(SLOT_SELF_DOMAIN, semaphore, 0) != PD_OK || derive(0) != 0 || make(&plain, PAGES, KERNEL_AT, PAGES) != 0 ||
        make(&paged, PAGES, PAGER_AT, PAGES) != 0 || make(&mapped, 1 + MAPPED, MAP_AT, 1) != 0 ||
        pd_service_bind(SLOT_SERVICES + SERVICE_NUMBER_ECHO0, SLOT_SELF_DOMAIN, portal, 0, &binding) != PD_OK ||
        pd_set_pager(paged, portal, ECHO_NULL, 0, 0) != PD_OK) {
        errno = EIO;
        return bench_failed("memory", "making memory, a notification and a pager");
    }
    make_tables(KERNEL_AT);
    make_tables(PAGER_AT);
    *(volatile uint64_t *)MAP_AT = 1; /* its table stays, too */
    return 0;
}

int bench_memory(const char *wanted)
{
    static const struct bench_row rows[] = {
        {"signal_wait", signal_wait, 0, ITERATIONS, COUNTED, 0},
        {"post_take", post_take, 0, ITERATIONS, COUNTED, 0},
        {"revoke_64", revoke, derive, REVOKE_ITERATIONS, 1, 0},
        {"fault_kernel", fault_kernel, 0, ITERATIONS, COUNTED, 0},
        {"fault_pager", fault_pager, 0, ITERATIONS, COUNTED, 0},
        {"map_4k", map_page, unmap_page, ITERATIONS, MAP_COUNTED, 0},
        {"unmap_4k", unmap_page, map_page, ITERATIONS, MAP_COUNTED, 0}, /* what the row before has left mapped */
    };
    int failures = 0;

    if (prepare() != 0) {
        return 1;
    }
    for (unsigned index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        if (bench_wanted(wanted, rows[index].name)) {
            failures += bench_measure(&rows[index]) != 0;
        }
    }
    return failures;
}
