/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Faster emulation with the same results. */
#ifndef FAULTINJECT_QUICK_H
#define FAULTINJECT_QUICK_H

#include <stdbool.h>

/*
 * Has the guest's CRC32 instructions computed by the host's. False where that cannot be done, which costs
 * time and nothing else. Called once, when the plugin is installed: no guest code runs yet.
 */
bool quick_checksums(void);

#endif
