/* SPDX-License-Identifier: MIT */
/*
 * The block service, as the file system uses it.
 *
 * Rule: every call may be repeated, and memory handed over is page-aligned, so that it can be lent as it is. A block
 * service that failed for good is an I/O error; an error of a transfer is believed at the third time. Calls here carry no message: the client's message page stays.
 */
#ifndef FS_DEVICE_H
#define FS_DEVICE_H

#include "fs.h"

/* Sectors of the disk and whether it is read-only. 0, or -PE_IO, -PE_NODEV. */
int64_t device_info(uint64_t *sectors, bool *read_only);

/* Read `sectors` (1..128) from `first` to `to` (page-aligned; whole pages are overwritten). 0 or -PE_IO. */
int64_t device_read(uint64_t first, uint32_t sectors, void *to);

/* Write `sectors` (1..128) at `first` from `from` (page-aligned). Durable after device_flush. 0 or -PE_IO. */
int64_t device_write(uint64_t first, uint32_t sectors, const void *from);

/* Returns when everything written before is durable. 0 or -PE_IO. */
int64_t device_flush(void);

/* Seconds since 1970, the same throughout a call. */
uint32_t clock_seconds(void);
void clock_begin_call(void);

#endif
