/* SPDX-License-Identifier: MIT */
/*
 * A transaction around an operation, done once or twice.
 *
 * Rule: what changes the structure of the volume (names, inodes, which block is whose, sizes) is done twice, from the same start, and
 * both times must come to the same records, the same change of the SSR and the same reply. A processor fault in one of them
 * shows, before anything of it is committed. An error is told only if it comes twice, too. Contents of files are not done
 * twice: they are compared with the client's (data.h).
 */
#ifndef FS_TWICE_H
#define FS_TWICE_H

#include "fs.h"

/*
 * Do `operation` in a transaction and commit it, or abort it if the result is an error; the result. If it is `structural`, or
 * says FS_TWICE, it is done twice. Panics if the two differ.
 */
int64_t do_twice(int64_t (*operation)(struct request *request), struct request *request, bool structural);

#endif
