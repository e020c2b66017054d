/* SPDX-License-Identifier: MIT */
/*
 * How a program finds services.
 *
 * Rule: there are no global names. The manifest says which services a system has and which of them are for programs; who
 * starts a program binds it to some, and writes their names into its start-up block. A name that is not there leads
 * nowhere, whatever the system has.
 */
#ifndef PERDURE_NAMES_H
#define PERDURE_NAMES_H

#include <stdint.h>

/* The slot of the portal of the service `name` (> 0), or -PE_NODEV: this program was not given it. */
int64_t pd_find_service(const char *name);

/* The name of service number `index` of those that this program was given; NULL after the last. */
const char *pd_service_name(uint64_t index);

#endif
