/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting a fault into the machine, and watching whether it is used. Both happen in the process whose run is the
 * experiment (a forked child, or a fresh QEMU): the guest executes the same instructions at the same times as without
 * the watching.
 */
#ifndef FAULTINJECT_INJECT_H
#define FAULTINJECT_INJECT_H

#include "plan.h"
#include "results.h"

/* Puts the fault in here and now and starts to watch it. Between two instructions only. */
void inject(const struct experiment *experiment, struct experiment_record *record);

/* The fault is in the machine's state, or watched; there is nothing that is still to be done to the machine some time. */
bool inject_is_all(enum fault_kind kind);

/* It can be put in by the slow engine (stub.h): it needs no second machine to rehearse in. */
bool inject_needs_no_symbols(const struct experiment *experiment);

/* The parts of it: see the kinds in plan.h. */
void inject_code(struct experiment_record *record, unsigned byte, const struct damage *damage);
void inject_hang(struct experiment_record *record);
void inject_delay(struct experiment_record *record, uint64_t ns);
void inject_mutation(struct experiment_record *record, enum mutation mutation, uint64_t choice);
void inject_region(struct experiment_record *record, uint64_t which, const struct damage *damage);
void inject_event_again(struct experiment_record *record, uint64_t number);
void inject_quota(struct experiment_record *record, uint64_t number);

/*
 * Damages up to 8 bytes from a physical address, as far as they are on its page, and watches them. If the damage is held,
 * `still` says whether the page is what it was; NULL: it always is.
 */
void inject_bytes(struct experiment_record *record, uint64_t physical, const struct damage *damage,
                  bool (*still)(uint64_t physical));

#endif
