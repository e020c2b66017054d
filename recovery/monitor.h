/* SPDX-License-Identifier: MIT */
/*
 * The monitor's work on one service.
 *
 * Rule: the kernel's service object is the only memory. Every step asks it for the stage and goes on from
 * there, so a monitor that died between any two steps is replaced by one that finishes its work; and a step
 * done twice is as good as once.
 */
#ifndef RECOVERY_MONITOR_H
#define RECOVERY_MONITOR_H

#include <stdint.h>

/* The notification bits of all services that the manifest has. */
uint64_t monitor_all_services(void);

/*
 * Ask to be told of failures of the services in `services` (bit n: number n). Those that there is no
 * capability to are left out.
 */
void monitor_watch(uint64_t services);

/* Bring back each service in `services` that has failed. */
void monitor_look_after(uint64_t services);

#endif
