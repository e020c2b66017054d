/* SPDX-License-Identifier: MIT */
/*
 * What is kept for each client (its SSR) and what follows from all of them (the table of open inodes).
 *
 * Rules: the SSR is written here and nowhere else, each part together with its checksum; memory that no call has written
 * yet (zeros) is valid and means: working directory is the root, nothing open. The table counts, for every inode, the
 * handles and working directories of all clients; it is a cache that recovery counts again and FS_AUDIT compares.
 * Both change at the commit, when nothing can fail any more.
 */
#ifndef FS_STATE_H
#define FS_STATE_H

#include "fs.h"

/* The open handle `number` of the calling client; NULL if it is not open. Panics if it is damaged. */
const struct fs_handle *handle_view(uint64_t number);

/* The lowest free handle, or -PE_MFILE; -PE_NFILE if the table of open inodes is full. Nothing changes. */
int64_t handle_find_free(void);

/*
 * What the running call does to its client's SSR: open, move or close a handle (it must be free, open, open), or make an
 * inode the working directory. It is done at the commit; of one call only the last of them.
 */
void session_open(uint32_t number, uint32_t inode, uint32_t generation, uint32_t flags, uint64_t offset);
void session_move(uint32_t number, uint64_t offset);
void session_close(uint32_t number);
void session_change_directory(uint32_t inode, uint32_t generation);

/* Do it, and count in the table of open inodes. */
void session_commit(void);

/* Goes on with a digest of a transaction: what it does to the SSR. */
uint32_t session_digest(uint32_t digest);

/* Close a handle at once: the client is gone. Returns its inode, which is still counted. */
uint32_t handle_close(uint32_t number);

/*
 * The batch that a sync under way in the calling client waits for, 0 if none is. Every other operation of the client
 * forgets it, so what a later sync finds is its own.
 */
uint32_t sync_view(void);
void sync_set(uint32_t batch);

/* Whether the client's request has found damage in an earlier incarnation (ops.c). */
uint32_t doubt_view(void);
void doubt_set(uint32_t doubt);

/* The inode of the calling client's working directory. */
uint32_t cwd_view(void);

/* Whether the SSR in the window is whole: header and all handles. */
bool ssr_is_valid(const struct fs_ssr *ssr);

/* Count everything that the SSR in the window holds open. */
void ssr_count_opens(const struct fs_ssr *ssr);

/* One more, one less; open_remove returns how many are left and panics if there was none. */
void open_add(uint32_t inode);
uint32_t open_remove(uint32_t inode);
uint32_t open_count(uint32_t inode);

#endif
