/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warming up the fork server. Translating the guest's code takes QEMU about as long as executing it, and a child
 * translates anew all that its parent had not executed yet. So before the first fork the golden path is run once to its
 * end, and then the machine is put back to where it was: memory from a copy, devices and processor through QEMU's own
 * device state. What was translated stays, but for code whose memory differs.
 *
 * It has no influence on results; an experiment alone, which is not warmed up, is identical.
 */
#ifndef FAULTINJECT_WARM_H
#define FAULTINJECT_WARM_H

#include <stdbool.h>

/* Notes the state of the machine, here between two instructions. False when this QEMU cannot: then nothing is done. */
bool warm_begin(void);

/* The golden path's end was reached: puts the machine back. The guest goes on from where warm_begin() was called. */
void warm_end(void);

/* Between the two. */
bool warm_running(void);

#endif
