/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warming up the fork server. Translating the guest's code takes QEMU about as long as executing it, and a child
 * translates anew all that its parent had not executed yet. So before the first fork the golden path is run once to its
 * end, and once more with recoveries (rehearsal.h), and each time the machine is put back to where it was: memory from a copy, devices and processor through QEMU's own
 * device state. What was translated stays, but for code whose memory differs.
 *
 * It has no influence on results; an experiment alone, which is not warmed up, is identical.
 */
#ifndef FAULTINJECT_WARM_H
#define FAULTINJECT_WARM_H

#include <stdbool.h>

/* Notes the state of the machine, here between two instructions. False when this QEMU cannot: then nothing is done. */
bool warm_begin(void);

/* Puts the machine back: the guest goes on from where warm_begin() was called. `again`: that may be asked for once more. */
void warm_back(bool again);

/* After warm_begin(), until it is put back for good. */
bool warm_running(void);

#endif
