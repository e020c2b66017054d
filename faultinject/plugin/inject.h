/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting a fault into the machine, and watching whether it is used. Both happen in the process whose run is the
 * experiment (a forked child, or a fresh QEMU), in steps of one instruction driven by a timer of virtual time: the
 * guest executes the same instructions at the same times as without the watching.
 */
#ifndef FAULTINJECT_INJECT_H
#define FAULTINJECT_INJECT_H

#include "plan.h"
#include "results.h"

/* Puts the fault in here and now and starts to watch it. Between two instructions only. */
void inject(const struct experiment *experiment, struct experiment_record *record);

#endif
