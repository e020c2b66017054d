/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's structures, as far as faults are put into them. Their offsets are options, read by the harness from the
 * kernel's own debug information.
 */
#ifndef FAULTINJECT_KERNEL_H
#define FAULTINJECT_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

enum { REGION_PAGES_MAX = 4, REGIONS_MAX = 256 };

/* A server state region, of a client or of the service itself. */
struct region {
    uint64_t page[2][REGION_PAGES_MAX]; /* kernel addresses of both copies */
    unsigned pages;
    unsigned page_bytes; /* in use on each */
    unsigned committed;  /* the copy that counts */
    bool open;           /* its working copy belongs to the running transaction */
};

/* From the option "ADDRESS+OFFSET+OFFSET..."; false when it is malformed. */
bool kernel_layout_read(const char *option);
bool kernel_layout_known(void);

/* Address of the kernel's object of the service with this number of the manifest; 0: there is none. */
uint64_t kernel_service(unsigned number);

/* All regions of a service; returns how many. */
unsigned kernel_regions(uint64_t service, struct region regions[REGIONS_MAX]);

/* Its notification bits are pending, besides those that are. */
bool kernel_event_pend(uint64_t service, uint64_t bits);

/* The address of its domain's quota in bytes, and of how much of it is used. */
bool kernel_quota(uint64_t service, uint64_t *quota_address, uint64_t *used_address);

#endif
