/* SPDX-License-Identifier: MIT */
/*
 * Whether the server under test and the build machine's kernel say the same: results, status, listings, whole trees.
 *
 * Rule: each comparison says to stderr what differs, and in which step; it returns whether nothing does.
 */
#ifndef TESTS_FS_EXERCISER_SAME_H
#define TESTS_FS_EXERCISER_SAME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "abi/fs.h"

/* What the step at hand does, for messages. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say what differs; returns false. */
bool complain(const char *what);

/* The server's error for one of the build machine. */
int64_t newlib_errno(int host);

/* A result of the server against one of the build machine: -1 stands for errno, less is an error itself. */
bool same(int64_t server, int64_t host);

/* Type, access, links, owner and size. */
bool same_status(const struct fs_stat *server, const struct stat *host);

/* The names in a directory that is open on both sides, at its beginning in the server. */
bool same_listing(uint32_t client, int64_t handle, int descriptor);

/* Everything from the root on, with contents. */
bool same_trees(void);

#endif
