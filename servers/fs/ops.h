/* SPDX-License-Identifier: MIT */
/*
 * The operations of fs (abi/fs.toml), one function each.
 *
 * Rule: an operation looks and checks first, then changes blocks through the transaction, and writes the SSR and the
 * open table last, when nothing can fail any more. A negative result makes ops.c take all changes to blocks back.
 */
#ifndef FS_OPS_H
#define FS_OPS_H

#include "fs.h"
#include "path.h"

/* ops_open.c: handles. */
int64_t op_open(struct request *request);
int64_t op_close(struct request *request);
int64_t op_seek(struct request *request);
int64_t op_readdir(struct request *request);
int64_t op_fstat(struct request *request);
int64_t op_fchdir(struct request *request);
int64_t op_describe(struct request *request);
int64_t op_adopt(struct request *request);

/* ops_data.c: contents. */
int64_t op_read(struct request *request);
int64_t op_write(struct request *request);
int64_t op_pread(struct request *request);
int64_t op_pwrite(struct request *request);
int64_t op_truncate(struct request *request);
int64_t op_ftruncate(struct request *request);
int64_t op_fsync(struct request *request);
int64_t op_sync(struct request *request);

/* ops_path.c: what a path names. */
int64_t op_stat(struct request *request);
int64_t op_access(struct request *request);
int64_t op_readlink(struct request *request);
int64_t op_chmod(struct request *request);
int64_t op_fchmod(struct request *request);
int64_t op_chown(struct request *request);
int64_t op_fchown(struct request *request);
int64_t op_utime(struct request *request);
int64_t op_chdir(struct request *request);
int64_t op_getcwd(struct request *request);
int64_t op_statfs(struct request *request);

/* ops_name.c, ops_rename.c: names. */
int64_t op_mkdir(struct request *request);
int64_t op_link(struct request *request);
int64_t op_symlink(struct request *request);
int64_t op_unlink(struct request *request);
int64_t op_rmdir(struct request *request);
int64_t op_rename(struct request *request);

/* audit.c, mount.c. */
int64_t op_audit(struct request *request);
int64_t op_unmount(struct request *request);

/* Shared by them. */

/* Give `inode` one link less; without any and not open it is released. 0 or an error. */
int64_t drop_link(uint32_t inode);

/* Let the empty directory `number` in `parent` have no links; if nobody has it open it is released. 0 or an error. */
int64_t drop_directory(uint32_t parent, uint32_t number);

/* Make a directory the client's working directory; the one before is released if that was its last use. 0. */
int64_t change_cwd(uint32_t number, uint32_t generation);

/*
 * A new inode of `mode` under the name where `end` ended. Its number, or -PE_NOSPC, -PE_IO, FS_DRAIN_FIRST,
 * -PE_ROFS.
 */
int64_t make_at(const struct path_end *end, uint32_t mode);

/*
 * The handle of the request's word 0 and its inode, which must be the one that was opened. NULL: *error says why.
 */
const struct fs_handle *request_handle(const struct request *request, const struct ext2_inode **inode, int64_t *error);

#endif
