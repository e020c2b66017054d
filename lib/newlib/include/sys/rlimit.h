/* SPDX-License-Identifier: MIT */
/* Resource limits: what a program may ask about; they come from the quota of its domain. */
#ifndef _SYS_RLIMIT_H
#define _SYS_RLIMIT_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long rlim_t;

#define RLIM_INFINITY (~(rlim_t)0)
#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_CORE 4
#define RLIMIT_NOFILE 7
#define RLIMIT_AS 9
#define RLIM_NLIMITS 16

struct rlimit {
    rlim_t rlim_cur;
    rlim_t rlim_max;
};

int getrlimit(int __resource, struct rlimit *__answer);
int setrlimit(int __resource, const struct rlimit *__limit);

#ifdef __cplusplus
}
#endif

#endif
