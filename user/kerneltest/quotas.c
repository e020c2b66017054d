/* SPDX-License-Identifier: MIT */
/* Every quota runs out with a status, takes nothing from others, and comes back. Rule: harness.h. */
#include "harness.h"

#define SMALL_QUOTA 48
#define MANY 3000

static uint32_t small_domain(void)
{
    uint32_t domain = pd_slot_take();

    return pd_create_domain(SLOT_SELF_DOMAIN, domain, SMALL_QUOTA) == PD_OK ? domain : 0;
}

static void end_domain(uint32_t domain)
{
    pd_kill(domain);
    pd_slot_drop(domain);
}

static uint64_t used_of(uint32_t domain)
{
    uint64_t quota, used, threads, name;

    return pd_domain_info(domain, &quota, &used, &threads, &name) == PD_OK ? used : 0;
}

static const char *memory_runs_out(void)
{
    uint32_t domain = small_domain(), memory = pd_slot_take();
    uint64_t address = 0x10000000, mapped = 0;
    int64_t status = PD_OK;

    EXPECT(pd_create_memory(domain, memory, 1000, 0), PD_OK);
    for (; status == PD_OK && mapped < 1000; mapped += 4, address += 4 * PAGE_BYTES) {
        status = pd_map(domain, memory, address, mapped, 4, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT);
    }
    EXPECT(status, PD_NO_QUOTA);
    EXPECT_TRUE(mapped > 20 && mapped < SMALL_QUOTA);
    EXPECT_TRUE(used_of(domain) <= SMALL_QUOTA);
    EXPECT(pd_create_domain(domain, NO_SLOT, 1000), PD_NO_QUOTA);
    end_domain(domain);
    pd_slot_drop(memory);
    return NULL;
}

static const char *threads_run_out(void)
{
    uint32_t large = pd_slot_take(), small = small_domain(), threads[40], count = 0;
    int64_t status = PD_OK;

    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, large, 256), PD_OK);
    while (status == PD_OK && count < 40) {
        threads[count] = pd_slot_take();
        status = pd_create_thread(SLOT_SELF_DOMAIN, threads[count++], large);
    }
    EXPECT(status, PD_TOO_LARGE);
    EXPECT(count, 17);
    while (count) {
        pd_slot_drop(threads[--count]);
    }
    status = PD_OK;
    EXPECT(pd_create_memory(small, NO_SLOT, 64, 0), PD_OK);
    for (uint64_t page = 0; status == PD_OK && page < 64; page++) { /* all but nothing is left */
        status = pd_map(small, NO_SLOT, 0x10000000 + page * PAGE_BYTES, page, 1, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT);
    }
    EXPECT(status, PD_NO_QUOTA);
    threads[0] = pd_slot_take();
    EXPECT(pd_create_thread(SLOT_SELF_DOMAIN, threads[0], small), PD_NO_QUOTA);
    pd_slot_drop(threads[0]);
    pd_delete(SLOT_SELF_DOMAIN, NO_SLOT);
    end_domain(small);
    end_domain(large);
    return NULL;
}

static const char *capabilities_run_out(void)
{
    uint32_t domain = small_domain();
    uint64_t slot = SLOT_FREE;
    int64_t status = PD_OK;

    for (; status == PD_OK && slot < CAPABILITY_SLOTS; slot++) {
        status = pd_copy(SLOT_SELF_DOMAIN, GUEST_NEVER_SLOT, domain, (uint32_t)slot, RIGHT_USE, 0);
    }
    EXPECT(status, PD_NO_QUOTA);
    EXPECT_TRUE(slot > 1000);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, GUEST_NEVER_SLOT, domain, SLOT_FREE, RIGHT_USE, 0), PD_SLOT_TAKEN);
    EXPECT(pd_delete(domain, SLOT_FREE), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, GUEST_NEVER_SLOT, domain, SLOT_FREE, RIGHT_USE, 0), PD_OK);
    EXPECT(pd_revoke(SLOT_SELF_DOMAIN, GUEST_NEVER_SLOT), PD_OK);
    EXPECT(pd_delete(domain, SLOT_FREE), PD_BAD_CAPABILITY);
    end_domain(domain);
    return NULL;
}

static const char *mappings_run_out(void)
{
    uint32_t domain = pd_slot_take(), memory = pd_slot_take();
    uint64_t count = 0;
    int64_t status = PD_OK;

    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, domain, 256), PD_OK);
    EXPECT(pd_create_memory(domain, memory, 1, 0), PD_OK);
    while (status == PD_OK && count < 1000) {
        status = pd_map(domain, memory, 0x10000000 + count++ * 2 * PAGE_BYTES, 0, 1, RIGHT_USE, 0);
    }
    EXPECT(status, PD_TOO_LARGE);
    EXPECT(count, 129);
    EXPECT(pd_unmap(domain, 0x10000000, 1), PD_OK);
    EXPECT(pd_map(domain, memory, 0x10000000, 0, 1, RIGHT_USE, 0), PD_OK);
    end_domain(domain);
    pd_slot_drop(memory);
    return NULL;
}

static const char *objects_run_out_and_come_back(void)
{
    uint32_t domain = small_domain(), count = 0;
    uint64_t before = used_of(domain);
    int64_t status = PD_OK;

    for (int round = 0; round < 3; round++) {
        for (count = 0; status == PD_OK && count < MANY; count++) {
            status = pd_create_notification(domain, 128 + count);
        }
        EXPECT(status, PD_NO_QUOTA);
        EXPECT_TRUE(count > 1000);
        EXPECT_TRUE(used_of(domain) <= SMALL_QUOTA);
        status = PD_OK;
        while (--count) { /* scattered, so that no frame becomes free before many have gone */
            pd_delete(SLOT_SELF_DOMAIN, 128 + (count * 1021 + round) % MANY);
        }
        for (count = 0; count < MANY; count++) {
            pd_delete(SLOT_SELF_DOMAIN, 128 + count);
        }
        EXPECT(used_of(domain), before);
    }
    end_domain(domain);
    return NULL;
}

static const char *what_a_dead_domain_left_stays_charged(void)
{
    uint32_t domain, memory = pd_slot_take();
    uint64_t before = pages_in_use(), after;

    domain = small_domain();
    EXPECT(pd_create_memory(domain, memory, 16, 0), PD_OK);
    EXPECT(pd_map(SLOT_SELF_DOMAIN, memory, 0x330000000, 0, 16, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT), PD_OK);
    end_domain(domain);
    after = pages_in_use();
    EXPECT_TRUE(after >= before + 16 && after < before + 32);
    *(volatile uint64_t *)0x330000000 = 1; /* and is there */
    EXPECT(pd_unmap(SLOT_SELF_DOMAIN, 0x330000000, 16), PD_OK);
    EXPECT_TRUE(pages_in_use() >= before + 16);
    pd_slot_drop(memory);
    return NULL;
}

static const char *domains_end_with_who_paid_for_them(void)
{
    uint32_t domains[8];
    struct pd_domain_status status;
    uint64_t quota = 400;

    for (unsigned level = 0; level < 8; level++, quota -= 40) {
        domains[level] = pd_slot_take();
        EXPECT(pd_create_domain(level ? domains[level - 1] : SLOT_SELF_DOMAIN, domains[level], quota), PD_OK);
        EXPECT(pd_copy(SLOT_SELF_DOMAIN, domains[level], domains[level], SLOT_SELF_DOMAIN, RIGHT_ALL & ~RIGHT_SUPERVISE, 0),
               PD_OK);
    }
    for (unsigned level = 4; level < 8; level++) {
        pd_slot_drop(domains[level]); /* these have a name for themselves alone */
    }
    EXPECT(pd_kill(domains[0]), PD_OK);
    pages_in_use();
    for (unsigned level = 1; level < 4; level++) {
        EXPECT(pd_domain_status(domains[level], &status), PD_OK);
        EXPECT(status.state, DOMAIN_KILLED);
    }
    for (unsigned level = 0; level < 4; level++) {
        pd_slot_drop(domains[level]);
    }
    return NULL;
}

/* What sharing domains use is the account's, too; it runs out for all of them, and comes back from each. */
static const char *a_quota_is_shared(void)
{
    uint32_t account = pd_slot_take(), first = pd_slot_take(), second = pd_slot_take(), memory = pd_slot_take();
    uint64_t before;

    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, account, 256), PD_OK);
    before = used_of(account);
    EXPECT(pd_create_sharing_domain(account, first, 10000), PD_OK);
    EXPECT(pd_create_sharing_domain(account, second, 10000), PD_OK);
    EXPECT(pd_create_sharing_domain(first, NO_SLOT, 10), PD_BUSY); /* a charge goes up one step */
    EXPECT_TRUE(used_of(account) < before + 32);
    EXPECT(pd_create_memory(first, memory, 1000, 0), PD_OK);
    for (uint64_t page = 0; page < 192; page += 64) {
        EXPECT(pd_map(first, memory, 0x10000000 + page * PAGE_BYTES, page, 64, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT), PD_OK);
    }
    EXPECT_TRUE(used_of(first) >= 192 && used_of(account) >= before + 192);
    EXPECT(pd_create_domain(second, NO_SLOT, 64), PD_NO_QUOTA);
    EXPECT(pd_map(first, memory, 0x11000000, 192, 64, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT), PD_NO_QUOTA);
    pd_slot_drop(memory);
    end_domain(first);
    pages_in_use();
    EXPECT_TRUE(used_of(account) < before + 32);
    memory = pd_slot_take();
    EXPECT(pd_create_domain(second, memory, 64), PD_OK);
    end_domain(memory);
    end_domain(second);
    pages_in_use();
    EXPECT(used_of(account), before);
    end_domain(account);
    return NULL;
}

/* The limit of each is its own; RIGHT_EXECUTE starts on an account and does nothing else to it. */
static const char *a_shared_quota_has_limits(void)
{
    uint32_t account = pd_slot_take(), execute = pd_slot_take(), domain = pd_slot_take(), memory = pd_slot_take();
    struct pd_domain_status status;
    uint64_t quota, used, threads, name;

    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, account, 256), PD_OK);
    EXPECT(pd_copy(SLOT_SELF_DOMAIN, account, SLOT_SELF_DOMAIN, execute, RIGHT_USE | RIGHT_EXECUTE, 0), PD_OK);
    EXPECT(pd_create_sharing_domain(execute, domain, 32), PD_OK);
    EXPECT(pd_kill(execute), PD_NO_RIGHT);
    EXPECT(pd_create_memory(execute, memory, 1, 0), PD_NO_RIGHT);
    EXPECT(pd_domain_info(domain, &quota, &used, &threads, &name), PD_OK);
    EXPECT(quota, 32);
    EXPECT(pd_create_memory(domain, memory, 64, 0), PD_OK);
    EXPECT(pd_map(domain, memory, 0x10000000, 0, 40, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT), PD_NO_QUOTA);
    EXPECT(pd_invoke_4(account, DOMAIN_CREATE_DOMAIN, NO_SLOT, 32, QUOTA_SHARED << 1, 0), PD_BAD_ARGUMENT);
    end_domain(account); /* and what was made on it */
    pages_in_use();
    EXPECT(pd_domain_status(domain, &status), PD_OK);
    EXPECT(status.state, DOMAIN_KILLED);
    pd_slot_drop(memory);
    pd_slot_drop(domain);
    pd_slot_drop(execute);
    return NULL;
}

static const char *services_without_memory_are_not_made(void)
{
    struct pd_domain_status status;
    uint32_t domain = pd_slot_take(), service = pd_slot_take();

    EXPECT(pd_create_domain(SLOT_SELF_DOMAIN, domain, 24), PD_OK);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, service, domain, 0, 4096, 64, 20000), PD_NO_QUOTA);
    EXPECT(pd_domain_status(domain, &status), PD_OK);
    EXPECT(status.state, DOMAIN_ALIVE);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, service, domain, 0, 4096, 2, 20000), PD_OK);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, NO_SLOT, domain, 0, 0, 0, 20000), PD_BUSY);
    EXPECT(pd_create_thread(SLOT_SELF_DOMAIN, NO_SLOT, domain), PD_BUSY);
    EXPECT(pd_kill(domain), PD_OK);
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, NO_SLOT, domain, 0, 0, 0, 20000), PD_DEAD);
    pages_in_use();
    EXPECT(pd_create_service(SLOT_SELF_DOMAIN, NO_SLOT, domain, 0, 4096, 0, 20000), PD_DEAD);
    EXPECT(pd_create_thread(SLOT_SELF_DOMAIN, NO_SLOT, domain), PD_DEAD);
    EXPECT(pd_invoke_4(service, SERVICE_START, 0, 0, 0, 0), PD_DEAD);
    pd_slot_drop(service);
    pd_slot_drop(domain);
    return NULL;
}

/* Memory that is being given back counts until it is; who needs it then waits for it. */
static const char *quota_is_waited_for(void)
{
    uint32_t domain = small_domain(), memory = pd_slot_take();

    for (int round = 0; round < 50; round++) {
        EXPECT(pd_create_memory(domain, memory, 30, 0), PD_OK);
        EXPECT(pd_map(domain, memory, 0x10000000, 0, 30, RIGHT_USE | RIGHT_WRITE, MAP_RESIDENT), PD_OK);
        EXPECT(pd_unmap(domain, 0x10000000, 30), PD_OK);
        EXPECT(pd_delete(SLOT_SELF_DOMAIN, memory), PD_OK);
    }
    end_domain(domain);
    pd_slot_give(memory);
    return NULL;
}

static const char *bindings_run_out(void)
{
    struct guest_service service;
    uint32_t portals[80], count = 0;
    int64_t status = PD_OK;
    uint64_t binding;

    EXPECT(service_start(&service, 0, 0, 20000), PD_OK);
    while (status == PD_OK && count < 80) {
        portals[count] = pd_slot_take();
        status = pd_service_bind(service.service, SLOT_SELF_DOMAIN, portals[count++], 0, &binding);
    }
    EXPECT(status, PD_TOO_LARGE);
    EXPECT_TRUE(count > 50 && count <= 64);
    while (count) {
        pd_slot_drop(portals[--count]);
    }
    service_stop(&service);
    return NULL;
}

const struct test quota_tests[] = {
    {"memory_runs_out", memory_runs_out},
    {"threads_run_out", threads_run_out},
    {"capabilities_run_out", capabilities_run_out},
    {"mappings_run_out", mappings_run_out},
    {"objects_run_out_and_come_back", objects_run_out_and_come_back},
    {"what_a_dead_domain_left_stays_charged", what_a_dead_domain_left_stays_charged},
    {"domains_end_with_who_paid_for_them", domains_end_with_who_paid_for_them},
    {"a_quota_is_shared", a_quota_is_shared},
    {"a_shared_quota_has_limits", a_shared_quota_has_limits},
    {"services_without_memory_are_not_made", services_without_memory_are_not_made},
    {"quota_is_waited_for", quota_is_waited_for},
    {"bindings_run_out", bindings_run_out},
    {NULL, NULL},
};
