/* SPDX-License-Identifier: MIT */
/*
 * Type widths of Perdure, laid over newlib's defaults.
 * Rule: what ext2 stores in 32 bits fits; inode and device numbers and link counts are never cut.
 */
#ifndef _MACHINE__TYPES_H
#define _MACHINE__TYPES_H

#include <machine/_default_types.h>

#define __machine_ino_t_defined
typedef __uint64_t __ino_t;

#define __machine_dev_t_defined
typedef __uint64_t __dev_t;

#define __machine_uid_t_defined
typedef __uint32_t __uid_t;

#define __machine_gid_t_defined
typedef __uint32_t __gid_t;

#define __machine_fsfilcnt_t_defined
typedef __uint64_t __fsfilcnt_t;

#endif
