/* SPDX-License-Identifier: MIT */
/*
 * Memory mappings: anonymous memory, private or shared with children, and files, privately or for reading. A file's pages are
 * read when they are touched first; what is written to the file afterwards does not show. MAP_POPULATE reads all at the call.
 * Rule: what cannot be promised is refused: MAP_SHARED of a file with PROT_WRITE answers ENOTSUP, both PROT_WRITE and
 * PROT_EXEC EACCES.
 */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4

#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_ANON MAP_ANONYMOUS
#define MAP_NORESERVE 0x4000
#define MAP_POPULATE 0x8000
#define MAP_FAILED ((void *)-1)

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

#define MCL_CURRENT 1
#define MCL_FUTURE 2

#define MADV_NORMAL 0
#define MADV_RANDOM 1
#define MADV_SEQUENTIAL 2
#define MADV_WILLNEED 3
#define MADV_DONTNEED 4
#define POSIX_MADV_NORMAL MADV_NORMAL
#define POSIX_MADV_RANDOM MADV_RANDOM
#define POSIX_MADV_SEQUENTIAL MADV_SEQUENTIAL
#define POSIX_MADV_WILLNEED MADV_WILLNEED
#define POSIX_MADV_DONTNEED MADV_DONTNEED

void *mmap(void *__address, size_t __bytes, int __protection, int __flags, int __fd, off_t __offset);
int munmap(void *__address, size_t __bytes);
int mprotect(void *__address, size_t __bytes, int __protection);
int msync(void *__address, size_t __bytes, int __flags);
int madvise(void *__address, size_t __bytes, int __advice);
int posix_madvise(void *__address, size_t __bytes, int __advice);
int mlock(const void *__address, size_t __bytes);
int munlock(const void *__address, size_t __bytes);
int mlockall(int __flags);
int munlockall(void);

#ifdef __cplusplus
}
#endif

#endif
