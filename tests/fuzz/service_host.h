/* SPDX-License-Identifier: MIT */
/*
 * The kernel as one service sees it, on the build machine: bindings, transactions, deferred requests, kept capabilities,
 * events, an alarm, and devices that answer as the input says.
 *
 * Rule: two copies of everything, as last committed and working. A transaction that ends commits its copy, if its ranges hold;
 * a crash throws the copy and the server's variables away and leaves the outbox.
 */
#ifndef TESTS_FUZZ_SERVICE_HOST_H
#define TESTS_FUZZ_SERVICE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "fuzz.h"
#include "servers/common/server.h"

#define HOST_CLIENTS 6 /* their bindings are 1..HOST_CLIENTS */

/* Map the windows, once, for the service of that name in the manifest. */
void host_map(const char *service);

/* Nothing is bound, memory is as the loader leaves it; the service starts. `input` is what the devices answer from. */
void host_start(struct fuzz_input *input);

/* Operations of the service, 0..n-1. */
uint32_t host_operations(void);

/*
 * One call of `client`, with kinds[i] (OBJECT_*, 0: none) as the capabilities that come with it. Not 0 `crash_after` ends
 * the incarnation once, before that kernel call of the server; the call runs again after the recovery. False: the client waits
 * for the answer to another.
 */
bool host_call(uint32_t client, uint32_t operation, const uint64_t words[4], const void *message, uint32_t message_bytes,
               const uint8_t kinds[CALL_CAPABILITIES], uint32_t crash_after);

/* Signal those bits to the service. */
void host_signal(uint64_t bits);

/* Deliver events as long as there are signals, and a few if the alarm is due. */
void host_settle(void);

/* Let time pass; take away what `client` has left at `index`; end `client` and bind it anew; end the incarnation between calls. */
void host_wait_ns(uint64_t nanoseconds);
void host_revoke(uint32_t client, uint32_t index);
void host_unbind(uint32_t client);
void host_crash(void);

/* What the last call of host_call was answered at once; INT64_MIN if it was put off. */
extern int64_t host_result;

#endif
