/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A function of QEMU's replaced by one of ours, in this process's memory. */
#ifndef FAULTINJECT_REDIRECT_H
#define FAULTINJECT_REDIRECT_H

#include <stdbool.h>

/* From now on whoever calls `from` calls `to`, which must do all that `from` did. False on a host that does not let us. */
bool redirect(void *from, void *to);

/* The same; returns what to call for that which `from` did, or NULL where its beginning cannot be moved. */
void *redirect_and_keep(void *from, void *to);

#endif
