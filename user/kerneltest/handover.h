/* SPDX-License-Identifier: MIT */
/* What the tests of capabilities in messages have in common. What travels is a notification's, so that whoever has it can be
 * seen to use it. Rule: harness.h. */
#ifndef USER_KERNELTEST_HANDOVER_H
#define USER_KERNELTEST_HANDOVER_H

#include "harness.h"

#define SENT (RIGHT_WRITE | RIGHT_GRANT)

extern struct guest_service taker; /* the service */
extern uint32_t ours;              /* the notification */

/* Make both; end both. */
const char *handover_start(void);
void handover_stop(void);

/* Bits signalled so far; they are taken. */
uint64_t taken(void);

/* Call with one capability: word 0 of the result, or the status. */
int64_t send(uint32_t operation, uint64_t word_0, uint64_t word_1, uint32_t slot, uint64_t rights, uint32_t flags);

/* Call with three words: the same. */
int64_t ask_3(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2);

/* What the service keeps of its first binding, a mask. */
int64_t kept(void);

/* Have the service signal with what it keeps of us at `index`: the status. */
int64_t signal_kept(uint64_t index, uint64_t bits);

/* A thread of ours that calls with the capability in `source`. */
int64_t sender(struct task *task, uint64_t number, uint32_t operation, uint32_t source, uint32_t flags, uint64_t word_0,
               uint64_t word_1);

/* badge << 16 | type << 8 | rights of what is in `slot`, or the status. */
int64_t kind_of(uint32_t slot);

#endif
