/* SPDX-License-Identifier: MIT */
/* newlib's own extensions of these names are not those of BusyBox; clearenv() is everywhere but there. */
#ifndef BUSYBOX_STDLIB_H
#define BUSYBOX_STDLIB_H

#define itoa newlib_itoa
#define utoa newlib_utoa
#include_next <stdlib.h>
#undef itoa
#undef utoa

static inline int clearenv(void)
{
    extern char **environ;
    static char *none;

    environ = &none;
    return 0;
}

#endif
