/* SPDX-License-Identifier: MIT */
/*
 * Which slots of the caller's own capability table are free.
 *
 * Rule: a program that uses this takes every slot from SLOT_FREE on from here and gives it back here; the
 * well-known slots below are never handed out. Single-threaded.
 */
#ifndef PERDURE_SLOTS_H
#define PERDURE_SLOTS_H

#include <stdint.h>

/* A free slot, now taken; 0 when none is left. */
uint32_t pd_slot_take(void);

/* Give a slot back. Its capability must be gone already, or be about to go. 0 is ignored. */
void pd_slot_give(uint32_t slot);

/* Whether a slot is taken. */
int pd_slot_is_taken(uint32_t slot);

/* Delete the capability in `slot` of the own domain and give the slot back. 0 is ignored. */
void pd_slot_drop(uint32_t slot);

#endif
