/* SPDX-License-Identifier: MIT */
/*
 * A kernel and a block service for the file server on the build machine.
 *
 * Rule: like the real kernel it keeps two copies: the SSRs and the service region as last committed, and the working copies
 * that the server sees at its windows. A call that ends commits both; a crash throws the working copies and all of the
 * server's memory away (zeros and garbage), leaves the outbox as it is, recovers and runs the call again.
 *
 * Crashes come where the plan says: at a call of the block service, or after any instruction. A power cut
 * ends the run for good: what was written to the disk until then stays in the image.
 */
#ifndef TESTS_FS_HOST_H
#define TESTS_FS_HOST_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fs.h"
#include "host_random.h"

#define HOST_CLIENTS 8

/*
 * What may go wrong, and what did. Zero means: nothing goes wrong. Basic blocks of the server are counted if it was compiled with
 * -fsanitize-coverage=trace-pc; nothing here depends on the build machine's clock.
 */
struct host_plan {
    uint64_t crash_every_calls;        /* of the block service, on average */
    uint64_t crash_every_blocks;       /* basic blocks, on average, and then some instructions further on, single-stepped */
    uint64_t crash_at_block;           /* exactly there, once: host_counts.blocks says where the run is */
    uint32_t crash_steps;              /* and so many instructions further on, */
    uint64_t crash_again_blocks;       /* and once more so many blocks later: in the recovery, or in the call run again */
    uint64_t power_cut_at_write;       /* the disk takes this many writes and no more */
    uint64_t disk_error_every;         /* a read or a write fails, on average */
    uint64_t disk_error_reads;         /* so many of the next reads fail */
    uint32_t poison_after;             /* a request that ended so many incarnations is dropped, as the monitor does: -PE_IO */
    bool panics_allowed;               /* a panic of the server is a crash, not a failed test; that of doubt always is */
};

struct host_counts {
    uint64_t calls;
    uint64_t blocks;                   /* basic blocks of the server, those of recoveries too */
    uint64_t crashes;
    uint64_t crashes_in_recovery;
    uint64_t panics;
    uint64_t disk_reads;
    uint64_t disk_writes;
    uint64_t disk_flushes;
};

extern struct host_plan host_plan;
extern struct host_counts host_counts;

/* The clock from here on, in seconds since 1970; it goes on by itself, a little. */
void host_set_clock(uint64_t seconds);

/* Load an image as the disk, forget all clients, start the server fresh. */
void host_start(const char *image);

/* The same with an image that is in memory. */
void host_start_with(const void *image, size_t bytes);

/* Start the server fresh again on the disk as it is now: after a power cut, or after an unmount. It may crash as planned. */
void host_restart(void);

/* Where control goes when the power is cut, and whether it was. */
extern sigjmp_buf host_power_cut;
extern bool host_power_is_off;

/* End the incarnation now and recover, outside of any call. */
void host_crash_now(void);

/* Run `body` as the server, in a transaction of `client`. False if it ended its incarnation: then it is taken back. */
bool host_transaction(uint32_t client, void (*body)(void));

/* End a client: the unbind transaction. */
void host_unbind(uint32_t client);

/* One call of `client` (0..HOST_CLIENTS-1). Reply words 1-3 and the reply message stay in host_reply. */
struct host_reply {
    uint64_t word[4];
    uint32_t bytes;
    uint8_t message[4096];
};
extern struct host_reply host_reply;

int64_t host_call(uint32_t client, uint32_t operation, const uint64_t words[4], const void *message,
                  uint32_t message_bytes, void *lent, uint32_t lent_bytes, uint32_t lent_flags);

#endif
