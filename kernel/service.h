/* SPDX-License-Identifier: MIT */
/* Services: the unit of restart. A service outlives its incarnations; its portals, bindings and server state
 * regions name the service, what runs and what is mapped belongs to the incarnation.
 *
 * The two flows meet here:
 *     call    fastpath.c, or call.c -> transaction.c (begin) -> the worker -> transaction.c (commit) -> reply
 *     crash   failure.c (park, roll back, record) -> the monitor -> restore.c -> the worker recovers -> call.c
 *
 * The rule. `acceptor` is the worker if, and only if, a call may begin at this instant: the stage is RUNNING, the
 * worker is idle, and nothing else is due. `attention` is zero if, and only if, a reply may take the fast path.
 */
#pragma once
#include "kernel/object.h"
#include "ssr/ssr.h"

struct thread;
struct capability;
struct sched_context;
struct notification;
struct memory;

#define SERVICE_SEGMENTS 8u
#define SERVICE_OPENED 8u  /* client regions that one event or recovery may have open or closed but uncommitted */
#define SERVICE_ANSWERS 8u /* deferred requests that one transaction may answer */
#define SERVICE_TRACES 8u
#define SERVICE_DROPS 8u   /* capabilities that one transaction may give up */

/* Reasons for a reply to leave the fast path. */
#define ATTENTION_STARTING (1u << 0)  /* the reply says "ready" */
#define ATTENTION_NO_CALLER (1u << 1) /* an event, an unbind, or a caller that died */
#define ATTENTION_TRANSFER (1u << 2)  /* message or lent pages go back */
#define ATTENTION_QUEUED (1u << 3)    /* other work is due */
#define ATTENTION_TRIED (1u << 4)     /* the call was tried before: what was noted of that ends with the reply */
#define ATTENTION_OPENED (1u << 5)    /* other regions or answers belong to the transaction */
#define ATTENTION_HELPED (1u << 6)    /* it ran on another's time */

enum portal_gate {
    PORTAL_OPEN,
    PORTAL_LOST,      /* its region is quarantined */
    PORTAL_UNBINDING, /* its last transaction is due or under way */
    PORTAL_CLOSED,    /* gone */
};

struct ssr {
    struct object object;
    struct ssr_memory memory;
    uint64_t entry[2][SSR_MAX_PAGES]; /* page-table entries that map each copy, clean */
    struct portal *portal;            /* NULL: a service region */
    uint64_t commits;
};

struct portal {
    struct object object;
    struct service *service;
    struct ssr *ssr;         /* NULL: the service keeps nothing per client */
    uint32_t gate;
    uint32_t binding;
    struct domain *client;
    struct thread *deferred; /* whose requests wait for an answer, the oldest first */
    uint32_t badge;          /* of the client, as its binder named it */
    uint32_t waiting;        /* callers in the service's queue */
    uint32_t kills;          /* incarnations that died of its last transaction */
    struct portal *service_next, *service_previous, *client_next, *unbind_next;
    struct capability *kept; /* BINDING_CAPABILITIES that the service keeps of it, NULL: none yet */
};

struct segment {
    uint64_t address;
    uint32_t pages;
    uint32_t kind;
    struct memory *memory;   /* what is mapped */
    struct memory *pristine; /* what it is restored from */
    uint32_t pristine_page;
    uint32_t data_bytes;
    uint32_t *sums;          /* checksum of each pristine page */
};

struct answer {
    struct thread *thread;  /* whose deferred request it answers, NULL: it died */
    uint64_t word[3];
    uint64_t message_bytes; /* in the client's message page already */
};

struct drop {
    struct portal *portal;
    uint32_t index;
};

struct service {
    /* the fast path's */
    struct thread *acceptor;
    struct thread *caller;  /* whose call is being served, NULL: none or it died */
    struct portal *portal;  /* whose transaction it is, NULL: an event or a start */
    struct ssr *region;
    uint64_t *window;
    uint32_t attention;
    uint32_t used_ticks;    /* of this transaction, for the hang limit */
    struct observed_service *observed;
    struct thread *worker;

    struct object object;
    struct domain *domain;
    struct sched_context *context; /* its own time: start, events, unbind, recovery */
    uint32_t stage;
    uint32_t number;
    uint32_t incarnation;
    uint32_t hang_limit_ticks;
    uint32_t ssr_bytes;
    uint32_t supervisor;           /* it is the monitor */
    uint32_t start_failures;       /* of the monitor, in succession */
    struct ssr_layout *layout;     /* [0] of client regions, [1] of the service region */

    struct thread *queue_head, *queue_tail; /* callers that wait, in order */
    struct thread *lender;         /* whose pages are mapped in the lend window */
    struct page_request *lent_request; /* it lends a page that it asks for, not one of its own */
    uint64_t lent_base;            /* where they are in its address space */
    uint32_t lent_pages;
    uint64_t lent_frozen;          /* bit i: the lender's entry of page i is read-only for the length of the call */
    struct notification *notification;
    uint64_t pending_events, taken_events;
    struct portal *unbinding, *unbinding_tail; /* list of last transactions due */
    struct portal *closing;        /* whose last transaction is under way */
    struct portal *portals;        /* all, by ascending binding number */
    struct portal *portals_tail;
    uint32_t portal_count, next_binding;
    struct portal *found;          /* the one that was looked up last, at place found_index; NULL: none */
    uint64_t found_index;

    struct ssr *open;              /* mapped by OPEN_SSR */
    struct ssr *opened[SERVICE_OPENED + 2]; /* and the caller's own, and the service region */
    uint32_t written[SERVICE_OPENED + 2];
    uint32_t opened_count;
    uint32_t answer_count;
    struct answer answers[SERVICE_ANSWERS];

    uint32_t transient;            /* bit i: slot SLOT_ARRIVED + i may be filled; it is emptied when the transaction ends */
    uint8_t keep[CALL_CAPABILITIES]; /* 1 + the index at which what arrived there is kept at commit, 0: it is not */
    uint32_t drop_count;
    struct drop drops[SERVICE_DROPS];

    struct segment segments[SERVICE_SEGMENTS];
    uint32_t segment_count;
    uint32_t filled_pages;         /* of segments[segment_count], which is being added */
    uint32_t restore_segment, restore_page;
    bool unlend_later;             /* a service that died calls on: until the call ends, its own caller's pages stay */
    bool large;                    /* a region of more than one page: its calls end on the slow path */
    bool start_later;              /* and the new incarnation does not start */
    uint64_t alarm_ticks, alarm_bits; /* an event that it has asked for; 0: none */
    struct service *alarm_next;
    uint64_t outbox_first_entry;
    struct memory *outbox;
    uint64_t entry_fresh, entry_recovered, stack_top;

    struct service *reap_next;
    struct notification *supervisor_notification;
    uint64_t supervisor_bit;
    uint64_t seen_ticks;           /* at which its worker was running */
    uint64_t record_count;         /* ever made */
    uint64_t failed_ticks;         /* when the oldest record that nobody acknowledged was made, 0: none */
    struct fault_record records[FAULT_RECORDS];
    struct recovery_record traces[SERVICE_TRACES];
    uint64_t trace_count;
    struct thread *traced;         /* the parked caller whose reply ends the trace */
    uint32_t tracing;
};

_Static_assert(sizeof(struct service) <= 4096, "a service object is one page at most");

static inline struct service *service_of(struct object *object)
{
    return container_of(object, struct service, object);
}

extern struct observed_service observed_services[OBSERVED_SERVICES];

/* ---- service.c: making, binding, invoking ---- */
struct service *service_create(struct domain *payer, struct domain *domain, uint32_t ssr_bytes,
                               uint32_t region_bytes, uint32_t outbox_pages, uint32_t hang_limit_us, int64_t *status);
int64_t service_bind(struct service *service, struct domain *client, uint64_t slot, uint32_t badge, uint64_t *binding);
void service_unbind(struct portal *portal);
/* How many capabilities there are for it. */
uint32_t portal_names(const struct portal *portal);
/* Everything it has goes, and its domain: nobody has a name for it any more, or its domain ends. Idempotent. */
void service_end(struct service *service);
/* Last call of object_destroy. Its own worker may be running, so it ends only in service_reap_step; true: there was one. */
void service_unnamed(struct service *service);
bool service_reap_step(void);
struct portal *service_portal(struct service *service, uint64_t binding);
void service_set_stage(struct service *service, uint32_t stage);
/* An event at a time in ticks, at once if it is past; it replaces what was asked for before. 0: none. */
void service_alarm(struct service *service, uint64_t ticks, uint64_t bits);
/* Called at each tick. */
void service_alarms(uint64_t now_ticks);
void service_invoke(struct thread *self, struct capability *capability, uint64_t operation);
void service_supervise(struct thread *self, struct service *service, uint64_t operation);
/* Free what a binding keeps and take it off the list of its service: after its last transaction. */
void portal_close(struct portal *portal);
/* Its region is damaged beyond repair: its client gets PD_LOST from now on. */
void portal_lose(struct portal *portal);
struct ssr *ssr_create(struct domain *payer, uint32_t bytes, const struct ssr_layout *layout);
void ssr_free(struct ssr *ssr);
void ssr_invoke(struct thread *self, struct capability *capability, uint64_t operation);

/* ---- call.c: the slow half of the call flow ---- */
/* Something was taken away from the address space with this root table, or moved: make the next switch to it reload. */
void address_space_changed(uint64_t root);
void window_changed(struct service *service);
__attribute__((cold)) struct thread *call_slow(struct thread *self, struct portal *portal);
__attribute__((cold)) struct thread *reply_slow(struct thread *worker);
/* The worker is free: begin what is due. */
void service_next(struct service *service);
void service_event(struct service *service, uint64_t bits);
/* Something is due that no caller pays for: begin it now or, if the worker is busy, help with what it does. */
void service_due(struct service *service);

/* ---- waiting.c ---- */
/* `caller` waits at the end of the queue; it keeps its request. */
void service_enqueue(struct service *service, struct thread *caller);
/* The rest of a call comes before what arrived meanwhile. */
void service_enqueue_first(struct service *service, struct thread *caller);
/* Take the caller with the highest priority out of the queue, which is not empty; among equals the first. */
struct thread *service_dequeue(struct service *service);
void deferred_append(struct portal *portal, struct thread *caller);
/* The oldest deferred request of `portal` that this transaction has not answered yet, NULL if there is none. */
struct thread *deferred_request(const struct service *service, const struct portal *portal);
/* What is to be said of a request that is dropped before it runs (again). */
uint64_t call_fate(const struct thread *caller);
/* Wake `caller` from its call with this outcome. */
void call_finish(struct thread *caller, int64_t status, uint64_t word0);
/* `caller` died in its call. */
void call_abandon(struct thread *caller);
/* `caller` waits no longer: its call ends with `status` and its fate. False: its answer is given already, and comes with
 * the commit of the transaction that is under way, if that is not rolled back. */
bool call_leave(struct thread *caller, int64_t status);

/* ---- transaction.c ---- */
/* Lend the client's region and its pages. PD_OK, or why the caller cannot be served: PD_LOST, PD_BAD_ADDRESS. */
int64_t transaction_begin(struct service *service, struct portal *portal, struct thread *caller);
bool transaction_open_region(struct service *service);
int64_t transaction_open(struct service *service, struct ssr *ssr);
void transaction_close(struct service *service);
/* Seal and publish everything that was written. False: a check failed, nothing has changed. */
bool transaction_commit(struct service *service);
void transaction_rollback(struct service *service);
int64_t transfer_lend(struct service *service, struct thread *caller);
/* The lender leaves while the service still has its pages: its domain does not write before the end what the service reads.
 * A service that died is not started before the end, so its pages need no such care. */
void transfer_freeze(struct service *service);
void transfer_unlend(struct service *service);
bool transfer_valid(const struct thread *caller);

/* ---- handover.c: capabilities in messages ---- */
/* Does this descriptor, or this transaction, have to do with any? Without, nothing here need be called. */
static inline bool handover_in(uint64_t descriptor)
{
    return descriptor >> TRANSFER_SEND_SHIFT;
}

static inline bool handover_under_way(const struct service *service)
{
    return service->transient | service->drop_count;
}

/* The descriptor says no more than there can be. */
bool handover_valid(uint64_t descriptor);
/* What `caller` sends arrives in the transient slots. PD_OK, or why it cannot be served: PD_BAD_ARGUMENT, PD_BAD_CAPABILITY,
 * PD_NO_RIGHT, PD_BUSY, PD_SLOT_TAKEN, PD_NO_QUOTA; then nothing has arrived. */
int64_t handover_begin(struct service *service, struct thread *caller);
/* SERVICE_KEEP, SERVICE_USE and SERVICE_DROP; `portal` is NULL if there is no such binding. */
int64_t handover_keep(struct service *service, uint64_t arrived, uint64_t index);
int64_t handover_use(struct service *service, struct portal *portal, uint64_t index, uint64_t place);
int64_t handover_drop(struct service *service, struct portal *portal, uint64_t index);
/* Bit i: the service keeps the i-th of the binding. */
uint64_t handover_kept(const struct portal *portal);
/* What was asked for in the transaction takes effect. */
void handover_commit(struct service *service);
/* After the commit: what the reply of `worker` sends goes to `caller`. What came of it, as a part of the result's descriptor. */
uint64_t handover_reply(struct thread *worker, struct thread *caller);
/* The transaction has ended, in either way: the transient slots are emptied. */
void handover_end(struct service *service);
/* The binding keeps nothing any more. */
void handover_forget(struct portal *portal);

/* ---- failure.c: the first half of the crash flow ---- */
struct failure {
    uint32_t cause;  /* CAUSE_* */
    uint32_t vector; /* of an exception */
    uint64_t instruction, address, error_code;
    uint64_t code;   /* of a panic */
};
void service_fail(struct service *service, const struct failure *failure);
/* The kernel's one fixed rule: called at each tick. */
void supervise_monitor(uint64_t now_ticks);
/* The monitor waits for its notification: it has done what there was to do. It has no calls to reply to. */
void monitor_ready(struct service *monitor);
void service_give_up(struct service *service);
/* The same for whoever has no supervisor to tell. */
void service_retire(struct service *service);
/* Tell the failure flow of a service that has got its number, and that it ends. */
void service_register(struct service *service);
void service_forget(struct service *service);
/* Called when a service is given up; empty, for observers outside the machine to hook. */
void service_lost(const struct service *service);

/* ---- restore.c: the second half ---- */
/* PD_AGAIN: some pages are filled, call again with the same. */
int64_t segment_add(struct service *service, const struct segment *wanted);
/* Of a service that ends. It stays mapped until its domain gives back everything: a call under way may have its pages. */
void segment_forget(struct service *service, struct segment *segment);
/* One bounded step; *remaining is 0 when done. False: no good copy of a code or data page is left. */
bool service_restore_step(struct service *service, uint64_t *remaining);
void service_restart(struct service *service, uint64_t entry, uint32_t stage);

/* ---- trace.c ---- */
struct recovery_record *trace_begin(struct service *service, const struct failure *failure);
struct recovery_record *trace_current(struct service *service);
void trace_end(struct service *service);
void trace_recovery_complete(const struct recovery_record *record);
