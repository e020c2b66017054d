/* SPDX-License-Identifier: MIT */
/* Scheduling, as far as POSIX's calls for it are here; policies are the business of the service sched (perdure/sched.h). */
#ifndef _SCHED_H_
#define _SCHED_H_

#include <sys/sched.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

int sched_yield(void);

#ifdef __cplusplus
}
#endif

#endif
