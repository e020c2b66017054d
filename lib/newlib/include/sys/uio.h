/* SPDX-License-Identifier: MIT */
/* Reads and writes of several buffers. */
#ifndef _SYS_UIO_H
#define _SYS_UIO_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IOV_MAX 1024
#define UIO_MAXIOV IOV_MAX

struct iovec {
    void *iov_base;
    size_t iov_len;
};

ssize_t readv(int __fd, const struct iovec *__vectors, int __count);
ssize_t writev(int __fd, const struct iovec *__vectors, int __count);

#ifdef __cplusplus
}
#endif

#endif
