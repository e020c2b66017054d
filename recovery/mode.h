/* SPDX-License-Identifier: MIT */
/*
 * How much of recovery is in force: the word `recovery=` of the kernel's command line, for experiments that ask what each
 * part of it buys. Rule: the one build serves all; without the word, and with one that is not known, it is all of it.
 *
 *     none     a service that fails is given up: its clients are answered PD_DEAD
 *     restart  it starts afresh, its state regions are zeroed, and the call in flight is answered PD_POISON
 *     ssr      it is rebuilt from its state regions, but the call in flight is answered PD_POISON
 *     full     it is rebuilt, and the call in flight runs again
 */
#ifndef RECOVERY_MODE_H
#define RECOVERY_MODE_H

enum recovery_mode { RECOVERY_FULL, RECOVERY_SSR, RECOVERY_RESTART, RECOVERY_NONE };

enum recovery_mode recovery_mode(void);

#endif
