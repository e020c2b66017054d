/* SPDX-License-Identifier: MIT */
/* newlib's list does not have the terminal. */
#ifndef BUSYBOX_PATHS_H
#define BUSYBOX_PATHS_H

#include_next <paths.h>
#define _PATH_TTY "/dev/tty"

#endif
