/* SPDX-License-Identifier: MIT */
/* The two halves of a device's number. */
#ifndef _SYS_SYSMACROS_H
#define _SYS_SYSMACROS_H

#include <sys/types.h>

#define major(device) ((unsigned)((device) >> 8))
#define minor(device) ((unsigned)((device)&0xff))
#define makedev(major_number, minor_number) (((dev_t)(major_number) << 8) | (dev_t)(minor_number))

#endif
