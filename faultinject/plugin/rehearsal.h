/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rehearsing recoveries in the fork server, so that children find the code translated that runs when a service has died:
 * that of the kernel, the monitor, and the service itself as it starts again without its caches. While warming up the
 * machine goes along the golden path once more, and services are killed and made to hang now and then.
 */
#ifndef FAULTINJECT_REHEARSAL_H
#define FAULTINJECT_REHEARSAL_H

#include <stdbool.h>
#include <stdint.h>

/* One of the services that will die in the experiments, by name; false when there is none. */
bool rehearsal_add(const char *name);
bool rehearsal_wanted(void);

/* From here on services die, and `over` is called, between two instructions, when `length_ns` have gone by. */
void rehearsal_begin(int64_t length_ns, void (*over)(void));
void rehearsal_end(void);

#endif
