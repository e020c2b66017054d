/* SPDX-License-Identifier: MIT */
/* What a file system has and has left. */
#ifndef _SYS_STATVFS_H
#define _SYS_STATVFS_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ST_RDONLY 1
#define ST_NOSUID 2

struct statvfs {
    unsigned long f_bsize;  /* bytes of a block */
    unsigned long f_frsize; /* unit of f_blocks, f_bfree, f_bavail */
    fsblkcnt_t f_blocks;
    fsblkcnt_t f_bfree;
    fsblkcnt_t f_bavail;
    fsfilcnt_t f_files;
    fsfilcnt_t f_ffree;
    fsfilcnt_t f_favail;
    unsigned long f_fsid;
    unsigned long f_flag;
    unsigned long f_namemax;
};

int statvfs(const char *__restrict __path, struct statvfs *__restrict __answer);
int fstatvfs(int __fd, struct statvfs *__answer);

#ifdef __cplusplus
}
#endif

#endif
