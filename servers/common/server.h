/* SPDX-License-Identifier: MIT */
/*
 * The one shape of a server.
 *
 * Rule: between two deliveries a server owns nothing but its client's SSR, its service region and what its
 * outbox holds. A call is a transaction: returning from service_call commits the SSR and the region
 * together, and any fault before that takes both back and ends this incarnation. So whatever must outlive a
 * call is written to the SSR or the region; everything else (.data, .bss, .scratch) is a cache that
 * recovery rebuilds.
 *
 * A server supplies the five hooks at the end of this file and never calls the loop itself:
 *
 *     start_fresh ------> service_start_fresh ------\
 *     start_recovered --> service_start_recovered ---+--> loop: reply, next delivery, hook, reply, ...
 *
 * (servers/common/entry.S). The first reply says "ready". There is one worker thread per service, so hooks
 * never run at the same time as each other.
 */
#ifndef SERVERS_COMMON_SERVER_H
#define SERVERS_COMMON_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/kernel.h"
#include "panic.h"
#include "perdure/syscall.h"

/*
 * One delivery. The first sixteen bytes are the two delivery registers laid down as they come (r9 at offset
 * 2, r8's low half at offset 8), which is why the fields are as narrow as they are.
 */
struct request {
    uint16_t reserved;
    uint16_t operation;     /* of abi/<service>.h */
    uint32_t binding;       /* who calls: the binding's number, stable as long as the binding lives */
    uint16_t message_bytes; /* request bytes in the message page, 0..4096 */
    uint8_t lent_pages;     /* pages mapped at WINDOW_LEND, 0..64 */
    uint8_t lent_flags;     /* REQUEST_LENT_IN or REQUEST_LENT_OUT when lent_pages > 0 */
    uint32_t reply_bytes;   /* out: bytes of the message page that are the reply, 0..4096; starts as 0 (and service_send's) */
    uint64_t words[4];      /* request words */
    uint64_t reply[4];      /* out: reply words 1..3 (word 0 is the hook's result); 1..3 start as 0 */
};

#define REQUEST_LENT_IN (TRANSFER_LEND_IN >> 24)   /* the server may read the lent pages */
#define REQUEST_LENT_OUT (TRANSFER_LEND_OUT >> 24) /* the server may write the lent pages */

/*
 * Result of service_call: commit now, keep the client waiting, SERVICE_ANSWER comes in a later transaction.
 */
#define SERVICE_DEFER INT64_MIN

/* Result of service_call: commit now, then deliver the same request again. Long work is cut so into transactions of
 * bounded length, each of which a crash leaves done; the request must find out from committed state how far
 * it is. */
#define SERVICE_AGAIN (INT64_MIN + 1)

/*
 * Puts a variable into scratch memory: it takes no time to restart, keeps its old frames and holds garbage
 * in a new incarnation. For caches that recovery makes anew.
 */
#define SERVER_SCRATCH __attribute__((section(".scratch")))

/* ---- What the running transaction may touch ---- */

/*
 * This client's SSR (its size is the manifest's); in events and recovery the one opened by
 * service_open_ssr.
 */
static inline void *server_ssr(void)
{
    return (void *)WINDOW_SSR;
}

/* The service region: the working copy of this transaction. */
static inline void *server_region(void)
{
    return (void *)WINDOW_REGION;
}

/* The outbox: append-only, kept even by a rollback; only what the region's index covers is valid. */
static inline void *server_outbox(void)
{
    return (void *)WINDOW_OUTBOX;
}

/*
 * The message page: request on entry, reply on return. A nested call goes out through this same page, so take
 * what is needed from the request before making one.
 */
static inline void *server_message(void)
{
    return (void *)WINDOW_MESSAGE;
}

/* The pages lent with this call (request.lent_pages, request.lent_flags). */
static inline void *server_lent(void)
{
    return (void *)WINDOW_LEND;
}

/* ---- Calls out ---- */

/*
 * What an invocation brings back. status is PD_OK or a negative PD_*; words are meaningful when it is
 * PD_OK.
 */
struct service_result {
    int64_t status;
    uint64_t words[4];
    uint32_t message_bytes;
};

/*
 * Invoke `operation` of the object or portal in `slot` (one system call). words: word 0-3, or NULL for
 * zeros. For a portal `transfer` is the transfer descriptor (message_bytes | service_lend_in/out) and
 * `lend_base` the first lent page; for a kernel object they are words 4 and 5. A nested call is made inside
 * the transaction, so it must be safe to repeat: when this call is rolled back it is made again.
 */
struct service_result service_invoke(uint32_t slot, uint32_t operation, const uint64_t *words, uint64_t transfer,
                                     uint64_t lend_base);

/* Transfer descriptors for `pages` (1..LEND_PAGES) pages lent to the callee for reading, or for writing. */
static inline uint64_t service_lend_in(uint32_t pages)
{
    return (uint64_t)pages << TRANSFER_LEND_SHIFT | TRANSFER_LEND_IN;
}

static inline uint64_t service_lend_out(uint32_t pages)
{
    return (uint64_t)pages << TRANSFER_LEND_SHIFT | TRANSFER_LEND_OUT;
}

/* ---- The SSR manager, as a server sees it (all act on SLOT_SERVICE) ---- */

/* One line of the enumeration. */
struct service_binding {
    uint32_t binding;
    uint32_t flags; /* BINDING_* */
    uint64_t badge; /* of the client's domain */
    uint32_t capabilities; /* bit i: it has left us one, kept at index i */
};

/*
 * The binding at place `index` (from 0, ascending). Returns PD_OK, or PD_BAD_ARGUMENT past the last one.
 * The order does not change while one event or one recovery runs.
 */
int64_t service_enumerate(uint32_t index, struct service_binding *binding);

/*
 * Map the SSR of `binding` at WINDOW_SSR (events and recovery only; one at a time: opening the next closes
 * this one). In an event it becomes part of the transaction, which holds at most eight. In recovery closing
 * commits what was written to it and to the region so far, so there is no such limit, and each step must
 * leave them as recovery may find them again. PD_LOST when it is quarantined, PD_BUSY when an event has
 * opened too many.
 */
int64_t service_open_ssr(uint32_t binding);
int64_t service_close_ssr(void);

/* Give up the SSR of `binding`: its client gets PD_LOST from now on. For what recovery finds to be wrong. */
int64_t service_quarantine(uint32_t binding);

/*
 * For recovery: `recover` is called for the SSR of each binding, open at WINDOW_SSR, takes from it what it needs and says
 * whether it is valid. What is not is quarantined; what was is passed over.
 */
void service_recover_each(bool (*recover)(const struct service_binding *binding));

/*
 * Answer the deferred request of `binding` with three words; the client gets it when this transaction
 * commits.
 */
int64_t service_answer(uint32_t binding, int64_t result, uint64_t word1, uint64_t word2);

/* The same with the first `message_bytes` bytes of the message page as the reply message. */
int64_t service_answer_message(uint32_t binding, int64_t result, uint32_t message_bytes);

/* The deferred request of `binding`: its operation and words 0..2. PD_AGAIN when there is none. */
int64_t service_deferred(uint32_t binding, uint32_t *operation, uint64_t words[3]);

/*
 * Have service_event(bits) called once the time since boot is `deadline_ns`, at the next tick of the clock after it; 0:
 * not at all. There is one alarm; a new one replaces it, and it outlives the incarnation that asked for it.
 */
int64_t service_alarm(uint64_t deadline_ns, uint64_t bits);

/*
 * Capabilities of clients. What came with the call that is being served is at SLOT_ARRIVED + 0..CALL_CAPABILITIES-1 until
 * the transaction ends (an empty slot: nothing came); OBJECT_IDENTIFY tells what it is. What a later transaction or
 * incarnation needs is kept with the binding: `index` is the server's choice, 0..BINDING_CAPABILITIES-1, and changes hold from the
 * commit on. A client may revoke its capability at any time: be ready for PD_BAD_CAPABILITY from whatever takes one.
 */

/* Keep arrival `arrived` of this call at `index` of its binding, in place of what is there. */
int64_t service_keep(uint32_t arrived, uint32_t index);

/*
 * Put what `binding` keeps at `index` into slot SLOT_USED + `place` (0..USED_PLACES-1), until the transaction ends or, in
 * recovery, service_close_ssr. PD_BAD_CAPABILITY: nothing is kept there.
 */
int64_t service_use(uint32_t binding, uint32_t index, uint32_t place);

/* Keep nothing at `index` of `binding` any more. At most eight in one transaction. */
int64_t service_drop(uint32_t binding, uint32_t index);

/*
 * Send a capability with the reply of this call, one of at most CALL_CAPABILITIES: a copy of `slot`, with `rights` of its
 * rights. The client gets it if it has offered a slot for it. Set reply_bytes, at most MESSAGE_CAPABILITIES_OFFSET beside
 * it, before.
 */
void service_send(struct request *request, uint32_t slot, uint64_t rights, uint32_t flags, uint32_t badge);

/* End this incarnation: everything of this transaction is taken back and the service is restarted. */
_Noreturn void server_panic(uint64_t code);

/* ---- Freestanding helpers (memory.c, format.c) ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);
size_t strlen(const char *text);

/*
 * Format into `to` (never more than `room_bytes`, always NUL-terminated when room_bytes > 0); returns the
 * length without the NUL. Knows %s %c %d %u %x %lu %lx %ld %% with a width and a leading zero.
 */
size_t server_format(char *to, size_t room_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One line to the kernel log (at most SERVER_LOG_BYTES bytes). Keeps the message page as it is. */
#define SERVER_LOG_BYTES 120
void server_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- What each server supplies ---- */

/* First start since boot (region zeroed), and start after a failure (SSRs and region as last committed). */
void service_start_fresh(void);
void service_start_recovered(void);

/*
 * One call. Returns reply word 0 (>= 0, or -PE_errno), or SERVICE_DEFER. May set reply[1..3] and reply_bytes.
 * An operation it does not know: -PE_NOSYS.
 */
int64_t service_call(struct request *request);

/* Notification bits; they are cleared and the interrupt is unmasked when this returns (commit). */
void service_event(uint64_t bits);

/* The last transaction of a binding: its SSR is at WINDOW_SSR; release what it stands for. */
void service_unbind(struct request *request);

#endif
