/* SPDX-License-Identifier: MIT */
/*
 * Directory streams.
 * Rule: a stream owns one descriptor; its place is the offset of that descriptor's handle in the file
 * system, so what telldir() answers stays good for as long as the directory does.
 */
#ifndef _SYS_DIRENT_H
#define _SYS_DIRENT_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define _DIRENT_HAVE_D_NAMLEN 1
#define _DIRENT_HAVE_D_RECLEN 1
#define _DIRENT_HAVE_D_OFF 1
#define _DIRENT_HAVE_D_TYPE 1

struct dirent {
    ino_t d_ino;
    off_t d_off; /* where the next entry is: an argument for seekdir() */
    unsigned short d_reclen;
    unsigned short d_namlen;
    unsigned char d_type;
    char d_name[256];
};

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

#ifndef MAXNAMLEN
#define MAXNAMLEN 255
#endif

typedef struct __perdure_directory DIR;

#ifdef __cplusplus
}
#endif

#endif
