/* SPDX-License-Identifier: MIT */
/*
 * Bytes between a client's memory and the cache.
 *
 * Rule: what arrives is compared with what was meant, end to end: bytes going out with the checksums of the cache, bytes
 * coming in with checksums taken from the client's memory, which the log's record must match too.
 */
#ifndef FS_DATA_H
#define FS_DATA_H

#include "fs.h"

/*
 * Copy bytes place..place+bytes-1 of a unit in `frame` to the client's memory. 0; or -PE_FAULT if that memory does not
 * keep what is written to it (the client changes it meanwhile).
 */
int64_t data_copy_out(uint32_t frame, uint32_t place, uint8_t *to, uint32_t bytes);

/* Copy `bytes` of the client's to `place` of the unit in `frame`, whose blocks there the caller has touched. */
void data_copy_in(uint32_t frame, uint32_t place, const uint8_t *from, uint32_t bytes);

#endif
