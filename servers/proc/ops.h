/* SPDX-License-Identifier: MIT */
#ifndef SERVERS_PROC_OPS_H
#define SERVERS_PROC_OPS_H

#include "state.h"

/* The operations about pipes and offsets, and those that may wait. */
int64_t pipe_call(struct proc_process *self, struct request *request);

#endif
