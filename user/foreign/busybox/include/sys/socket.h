/* SPDX-License-Identifier: MIT */
/* There is no network here. BusyBox's common header names these types for programs that are not built. */
#ifndef _SYS_SOCKET_H
#define _SYS_SOCKET_H

#include <stdint.h>

typedef unsigned socklen_t;
typedef unsigned short sa_family_t;

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

struct sockaddr_in {
    sa_family_t sin_family;
    uint16_t sin_port;
    uint32_t sin_addr;
};

enum { AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6 };
enum { SOCK_STREAM = 1, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET };

#endif
