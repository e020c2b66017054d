/* SPDX-License-Identifier: MIT */
/*
 * The ways in which echo can end an incarnation.
 *
 * Rule: each does what it says in machine instructions that no compiler reasons about.
 */
#ifndef SERVERS_ECHO_FAULTS_H
#define SERVERS_ECHO_FAULTS_H

#include <stdint.h>

#include "servers/common/server.h"

/* Write to address 0. */
void fault_write_null(void);

/*
 * Commit the fault `kind` (ECHO_FAULT_*, below ECHO_FAULT_KINDS) for try number `try_number` (from 1) of a
 * FAULT request. Returns only for the kinds that take effect when the call is replied to.
 */
void fault_commit(struct request *request, uint64_t kind, uint64_t try_number);

#endif
