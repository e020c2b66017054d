/* SPDX-License-Identifier: MIT */
/*
 * Domains: address space, capability table and memory quota.
 *
 * Rule: `domain` is the slot of the domain that is changed and that pays (SLOT_SELF_DOMAIN for one's own); new
 * capabilities appear in the caller's table. All return PD_OK or a negative PD_* (abi/kernel.h says which).
 */
#ifndef PERDURE_DOMAIN_H
#define PERDURE_DOMAIN_H

#include "perdure/syscall.h"

/* How a domain stands: state DOMAIN_ALIVE/EXITED/FAULTED/KILLED; detail is the exit status or the vector. */
struct pd_domain_status {
    uint64_t state;
    uint64_t detail;
    uint64_t instruction_address;
    uint64_t fault_address;
};

static inline int64_t pd_create_domain(uint32_t domain, uint32_t new_slot, uint64_t quota_pages)
{
    return pd_invoke_4(domain, DOMAIN_CREATE_DOMAIN, new_slot, quota_pages, 0, 0);
}

/* One that takes what it uses, up to so many pages, from the quota of `domain` (QUOTA_SHARED). */
static inline int64_t pd_create_sharing_domain(uint32_t domain, uint32_t new_slot, uint64_t limit_pages)
{
    return pd_invoke_4(domain, DOMAIN_CREATE_DOMAIN, new_slot, limit_pages, QUOTA_SHARED, 0);
}

/* The thread lives in the domain named by `home` and does not run before pd_thread_start. */
static inline int64_t pd_create_thread(uint32_t domain, uint32_t new_slot, uint32_t home)
{
    return pd_invoke_4(domain, DOMAIN_CREATE_THREAD, new_slot, home, 0, 0);
}

static inline int64_t pd_create_sched_context(uint32_t domain, uint32_t new_slot)
{
    return pd_invoke_4(domain, DOMAIN_CREATE_SCHED_CONTEXT, new_slot, 0, 0, 0);
}

static inline int64_t pd_create_notification(uint32_t domain, uint32_t new_slot)
{
    return pd_invoke_4(domain, DOMAIN_CREATE_NOTIFICATION, new_slot, 0, 0, 0);
}

/* A counting semaphore with so many units at first, 0..SEMAPHORE_MAXIMUM (perdure/notification.h). */
static inline int64_t pd_create_semaphore(uint32_t domain, uint32_t new_slot, uint64_t units)
{
    return pd_invoke_4(domain, DOMAIN_CREATE_NOTIFICATION, new_slot, NOTIFICATION_SEMAPHORE, units, 0);
}

/* Zero-fill memory, charged page by page as it is touched; flags MEMORY_*. */
static inline int64_t pd_create_memory(uint32_t domain, uint32_t new_slot, uint64_t pages, uint64_t flags)
{
    return pd_invoke_4(domain, DOMAIN_CREATE_MEMORY, new_slot, pages, flags, 0);
}

/* ssr_bytes 0..SSR_BYTES_MAXIMUM, region_bytes 0..REGION_BYTES_MAXIMUM, outbox_pages 0..OUTBOX_PAGES_MAXIMUM. */
static inline int64_t pd_create_service(uint32_t domain, uint32_t new_slot, uint32_t home, uint64_t ssr_bytes,
                                        uint64_t region_bytes, uint64_t outbox_pages, uint64_t hang_limit_us)
{
    return pd_invoke_6(domain, DOMAIN_CREATE_SERVICE, new_slot, home, ssr_bytes, region_bytes, outbox_pages,
                       hang_limit_us);
}

/* Copy slot `source` of `domain` to `destination` in `destination_domain`, with at most `rights`. */
static inline int64_t pd_copy(uint32_t domain, uint32_t source, uint32_t destination_domain,
                              uint32_t destination, uint64_t rights, uint64_t badge)
{
    return pd_invoke_6(domain, DOMAIN_COPY, source, destination_domain, destination, rights, badge, 0);
}

static inline int64_t pd_delete(uint32_t domain, uint32_t slot)
{
    return pd_invoke_4(domain, DOMAIN_DELETE, slot, 0, 0, 0);
}

/* Delete every capability derived from `slot`; goes on until the kernel has done all its bounded steps. */
static inline int64_t pd_revoke(uint32_t domain, uint32_t slot)
{
    int64_t status;

    do {
        status = pd_invoke_4(domain, DOMAIN_REVOKE, slot, 0, 0, 0);
    } while (status == PD_AGAIN);
    return status;
}

/* Map `pages` pages of the caller's `memory` from `first_page` at `address`; protection RIGHT_*, flags MAP_*. */
static inline int64_t pd_map(uint32_t domain, uint32_t memory, uint64_t address, uint64_t first_page,
                             uint64_t pages, uint64_t protection, uint64_t flags)
{
    return pd_invoke_6(domain, DOMAIN_MAP, memory, address, first_page, pages, protection, flags);
}

/* Remove one mapping, which must be named whole; goes on until the kernel has done all its bounded steps. */
static inline int64_t pd_unmap(uint32_t domain, uint64_t address, uint64_t pages)
{
    int64_t status;

    do {
        status = pd_invoke_4(domain, DOMAIN_UNMAP, address, pages, 0, 0);
    } while (status == PD_AGAIN);
    return status;
}

/* Mapping `index` of a domain, from 0; PD_BAD_ARGUMENT past the last one. */
static inline int64_t pd_domain_mapping(uint32_t domain, uint64_t index, uint64_t *start, uint64_t *pages,
                                        uint64_t *protection)
{
    struct pd_call call = {.word = {index}};
    int64_t status = pd_invoke(domain, DOMAIN_MAPPING, &call);

    *start = call.word[0];
    *pages = call.word[1];
    *protection = call.word[2];
    return status;
}

/*
 * Show in `destination`, at the same address, a private copy on write of the mapping that begins at `start`, or, with
 * CLONE_SHARE, the same memory. destination_slot, if not 0, is an empty slot there for a name of the copy.
 */
static inline int64_t pd_clone_mapping(uint32_t domain, uint64_t start, uint32_t destination, uint32_t destination_slot,
                                       uint64_t flags)
{
    return pd_invoke_4(domain, DOMAIN_CLONE_MAPPING, start, destination, destination_slot, flags);
}

/* End the calling domain with an exit status 0..255. */
static inline _Noreturn void pd_exit(uint64_t status)
{
    for (;;) {
        pd_invoke_4(SLOT_SELF_DOMAIN, DOMAIN_EXIT, status, 0, 0, 0);
    }
}

static inline int64_t pd_kill(uint32_t domain)
{
    return pd_invoke_4(domain, DOMAIN_KILL, 0, 0, 0, 0);
}

static inline int64_t pd_domain_status(uint32_t domain, struct pd_domain_status *answer)
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(domain, DOMAIN_STATUS, &call);

    *answer = (struct pd_domain_status){call.word[0], call.word[1], call.word[2], call.word[3]};
    return status;
}

static inline int64_t pd_domain_info(uint32_t domain, uint64_t *quota_pages, uint64_t *used_pages,
                                     uint64_t *threads, uint64_t *name)
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(domain, DOMAIN_INFO, &call);

    *quota_pages = call.word[0];
    *used_pages = call.word[1];
    *threads = call.word[2];
    *name = call.word[3];
    return status;
}

/* What is left of the machine's memory, in all domains together. */
struct pd_machine {
    uint64_t free_pages, pages, chunks;
};

static inline int64_t pd_machine(uint32_t domain, struct pd_machine *answer)
{
    struct pd_call call = {0};
    int64_t status = pd_invoke(domain, DOMAIN_MACHINE, &call);

    *answer = (struct pd_machine){call.word[0], call.word[1], call.word[2]};
    return status;
}

/* Signal `bits` of `notification` (a slot of the caller) when `domain` ends. */
static inline int64_t pd_set_exit_notification(uint32_t domain, uint32_t notification, uint64_t bits)
{
    return pd_invoke_4(domain, DOMAIN_SET_EXIT_NOTIFICATION, notification, bits, 0, 0);
}

/* The highest priority that threads of `domain` may give away; at most the caller's own limit. */
static inline int64_t pd_set_priority_limit(uint32_t domain, uint64_t limit)
{
    return pd_invoke_4(domain, DOMAIN_SET_PRIORITY_LIMIT, limit, 0, 0, 0);
}

/* Name a domain for people; the first 16 characters of `name` count. */
static inline int64_t pd_set_name(uint32_t domain, const char *name)
{
    uint64_t word[2] = {0, 0};

    for (unsigned index = 0; index < 16 && name[index]; index++) {
        word[index / 8] |= (uint64_t)(uint8_t)name[index] << (index % 8 * 8);
    }
    return pd_invoke_4(domain, DOMAIN_SET_NAME, word[0], word[1], 0, 0);
}

#endif
