/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ending an experiment early: when its machine is in the state in which the golden run's was at the same time, the rest is
 * the golden run's, and is not executed.
 *
 * Compared is everything that can influence the future, byte for byte or by digests of 128 bits: processor, devices and
 * timers (as QEMU writes them for migration), and memory. Memory is compared page by page, but for pages that neither
 * the experiment has written since its fork nor the golden run since its last checkpoint before the fork: those are equal.
 * Who has written a page is told by the host's kernel: a page that is written after a fork is no longer shared.
 *
 * What has happened up to then (activation, recoveries, output) is the experiment's own. An experiment in which a failure was
 * noted, or whose fault is still being watched, goes on to its end.
 */
#ifndef FAULTINJECT_CHECKPOINT_H
#define FAULTINJECT_CHECKPOINT_H

#include "results.h"

/* In the fork server, before it goes along the golden path for the first time: notes its states from here on. */
void checkpoints_begin(void);
/* At its end, with the verdict. From here on experiments may end early. */
void checkpoints_end(uint64_t code, uint64_t detail);

/* Before the end: something happened that this does not provide for. No experiment ends early. */
void checkpoints_spoil(void);

/*
 * In a child, after the injection. When its state is found to be the golden run's, `record` is completed as by
 * results_complete() and the process ends.
 */
void checkpoints_follow(struct experiment_record *record);

#endif
