/* SPDX-License-Identifier: MIT */
/* Domains: an address space, a capability table, and a memory quota that pays for every kernel object, page
 * table and page of theirs.
 * Rule: what is charged never exceeds the quota, and what a domain gives its children leaves its own. A domain
 * that ended keeps its object (for who asks how it ended) and gives back everything else in bounded steps: the
 * domains made from its quota end with it, and what others still keep of it stays charged until they let it go.
 */
#pragma once
#include "kernel/capability.h"
#include "kernel/memory.h"

#define DOMAIN_MAPPINGS 128u
#define DOMAIN_THREADS 16u
#define DOMAIN_BINDINGS 64u

struct mapping {
    uint64_t start;
    uint32_t pages;
    uint32_t first_page; /* of the memory object */
    struct memory *memory;
    uint8_t protection;  /* RIGHT_USE, RIGHT_WRITE, RIGHT_EXECUTE */
    uint8_t segment;     /* of a service's image: lives through restarts; a missing entry is a fault */
    uint8_t incarnation; /* made by the domain itself: ends with the incarnation of a service */
    uint8_t reserved;
};

struct domain {
    struct object object;
    uint64_t root;    /* physical address of the page table */
    uint64_t *window; /* the page-table page of WINDOW_SSR .. WINDOW_MESSAGE */
    struct capability_table table;
    uint64_t quota_bytes, used_bytes;
    struct mapping *mappings;
    uint32_t mapping_count;
    uint32_t thread_count;
    struct thread *threads;
    struct service *service;  /* it is that service's domain */
    struct memory *outbox;    /* of the service that it had */
    struct portal *bindings;  /* it is the client of these */
    uint32_t lending;         /* calls under way that have its pages */
    uint32_t message_pages;   /* bit i: message page i is taken */
    uint32_t state;           /* DOMAIN_* */
    uint64_t detail, fault_instruction, fault_address;
    struct notification *exit_notification;
    uint64_t exit_bits;
    struct domain *reap_next;
    struct domain *children, *sibling_next, *sibling_previous; /* made from its quota, and not ended */
    struct slab *slabs[SLAB_CLASSES];                          /* with room for another object */
    uint32_t binding_count;
    uint8_t priority_limit; /* of the time that its threads give away */
    uint8_t reaped;         /* its quota has gone back, but for what is still charged */
    uint8_t shares;         /* its quota is only a limit: its payer is charged with what it uses, as it uses it */
    char name[16];
};

static inline bool quota_charge(struct domain *payer, uint64_t bytes);
static inline void quota_refund(struct domain *payer, uint64_t bytes);

/* `shares`: see struct domain; the payer must not share itself, so that a charge has two steps at most. */
struct domain *domain_create(struct domain *payer, uint64_t quota_pages, bool shares);

/* Map `pages` pages of `memory`, at most RESIDENT_PAGES_MAXIMUM if they are to be resident; the caller has checked
 * rights. PD_OK, PD_BAD_ARGUMENT, PD_BAD_ADDRESS (taken or out of bounds), PD_NO_QUOTA, PD_TOO_LARGE (too many mappings
 * or resident pages). */
int64_t domain_map(struct domain *domain, struct memory *memory, uint64_t address, uint32_t first_page,
                   uint32_t pages, uint8_t protection, bool resident);
struct mapping *domain_mapping(struct domain *domain, uint64_t address);

/* Make `address` accessible as its mapping allows: zero-fill and copy-on-write. PD_OK, PD_BAD_ADDRESS (no such
 * right there), PD_NO_QUOTA, PD_BUSY (it belongs to a call under way), PD_AGAIN (its pager has to be asked). */
int64_t domain_resolve(struct domain *domain, uint64_t address, uint8_t access);

/* Remove up to UNMAP_STEP_PAGES pages of a mapping, from its end, and the mapping itself with its last page: true. */
bool domain_unmap_step(struct domain *domain, struct mapping *mapping);

/* No mapping shows any of these pages, and all there are of `memory` are of `domain`. */
bool memory_shown_once(const struct domain *domain, const struct memory *memory, uint32_t first_page, uint32_t pages);

/* `destination` gets a private copy, on write, of what `mapping` shows, at the same address, and a name for its memory in `slot`,
 * if that is not 0. PD_AGAIN: a step is done, call again with `*flags` as they are now. Else PD_OK, PD_BUSY (it is mapped at
 * two places), PD_NO_RIGHT (another pays for it, who may write it), PD_NO_QUOTA, PD_TOO_LARGE, PD_BAD_ADDRESS, or what
 * capability_reserve says; then nothing has come of it but a snapshot. */
int64_t clone_mapping(struct domain *domain, const struct mapping *mapping, struct domain *destination, uint64_t slot,
                      uint64_t *flags);

/* It exits, is killed or has faulted: its threads stop at once. Idempotent. */
void domain_finish(struct domain *domain, uint32_t state, uint64_t detail);

/* Last call of object_destroy: as domain_finish, killed. */
void domain_end(struct domain *domain);

/* Give back some of what ended domains and memory objects held; true: there is more to do. */
bool reap_step(void);

void domain_invoke(struct thread *self, struct capability *capability, uint64_t operation);

/* Bytes that may still be charged. */
static inline uint64_t quota_left(const struct domain *payer)
{
    uint64_t left = payer->quota_bytes - payer->used_bytes;
    uint64_t behind = payer->shares ? payer->object.payer->quota_bytes - payer->object.payer->used_bytes : left;

    return behind < left ? behind : left;
}

static inline bool quota_charge(struct domain *payer, uint64_t bytes)
{
    if (!payer)
        return true;
    if (quota_left(payer) < bytes)
        return false;
    payer->used_bytes += bytes;
    if (payer->shares)
        payer->object.payer->used_bytes += bytes;
    return true;
}

static inline void quota_refund(struct domain *payer, uint64_t bytes)
{
    for (; payer; payer = payer->object.payer) {
        payer->used_bytes -= bytes;
        if (payer->reaped)
            payer->quota_bytes -= bytes; /* and back to who gave it */
        else if (!payer->shares)
            return;
    }
}
