/* SPDX-License-Identifier: MIT */
/* What files are: stat and its kin, access, sizes of file systems. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "newlib/images.h"
#include "newlib/glue.h"

/* The file system's answer in the message page, as POSIX has it. */
static void convert(struct stat *answer)
{
    const struct fs_stat *source = pd_message();

    memset(answer, 0, sizeof *answer);
    answer->st_dev = 1;
    answer->st_ino = source->inode;
    answer->st_mode = (mode_t)source->mode;
    answer->st_nlink = (nlink_t)source->links;
    answer->st_uid = (uid_t)source->uid;
    answer->st_gid = (gid_t)source->gid;
    answer->st_rdev = source->device;
    answer->st_size = (off_t)source->size;
    answer->st_atim.tv_sec = (time_t)source->atime;
    answer->st_mtim.tv_sec = (time_t)source->mtime;
    answer->st_ctim.tv_sec = (time_t)source->ctime;
    answer->st_blksize = (blksize_t)source->block_bytes;
    answer->st_blocks = (blkcnt_t)source->blocks512;
}

static int stat_path(const char *path, struct stat *answer, uint64_t no_follow)
{
    struct spawn_image image;
    uint32_t handle;
    enum open_file_kind kind = path ? glue_device(path, &handle) : OPEN_NONE;

    if (kind != OPEN_NONE) {
        const struct open_file device = {.kind = (uint8_t)kind, .handle = handle};

        glue_device_stat(&device, answer);
        return 0;
    }
    if (path && glue_system_program(path, &image)) {
        *answer = (struct stat){.st_mode = S_IFREG | 0555, .st_nlink = 1, .st_size = (off_t)image.bytes, .st_blksize = 4096};
        return 0;
    }
    if (glue_result(glue_path_call(FS_STAT, path, no_follow, 0, 0)) < 0) {
        return -1;
    }
    convert(answer);
    return 0;
}

int stat(const char *restrict path, struct stat *restrict answer)
{
    return stat_path(path, answer, 0);
}

int lstat(const char *restrict path, struct stat *restrict answer)
{
    return stat_path(path, answer, 1);
}

int fstat(int fd, struct stat *answer)
{
    struct open_file *file = glue_file(fd);

    if (!file) {
        return -1;
    }
    if (!glue_is_file(file)) {
        glue_device_stat(file, answer);
        return 0;
    }
    if (glue_result(glue_word_call(FS_FSTAT, file->handle, 0, 0)) < 0) {
        return -1;
    }
    convert(answer);
    return 0;
}

int access(const char *path, int mode)
{
    struct spawn_image image;
    uint32_t handle;

    if (path && glue_system_program(path, &image)) {
        return mode & W_OK ? (int)glue_result(-PE_ROFS) : 0;
    }
    if (path && glue_device(path, &handle) != OPEN_NONE) {
        return 0;
    }
    return (int)glue_result(glue_path_call(FS_ACCESS, path, (uint64_t)mode, 0, 0));
}

int eaccess(const char *path, int mode)
{
    return access(path, mode);
}

int fstatvfs(int fd, struct statvfs *answer)
{
    (void)fd;
    return statvfs("/", answer);
}

int statvfs(const char *restrict path, struct statvfs *restrict answer)
{
    const struct fs_statfs *source = pd_message();

    if (access(path, F_OK) != 0 || glue_result(glue_word_call(FS_STATFS, 0, 0, 0)) < 0) {
        return -1;
    }
    *answer = (struct statvfs){
        .f_bsize = source->block_bytes,
        .f_frsize = source->block_bytes,
        .f_blocks = source->blocks,
        .f_bfree = source->blocks_free,
        .f_bavail = source->blocks_available,
        .f_files = source->inodes,
        .f_ffree = source->inodes_free,
        .f_favail = source->inodes_free,
        .f_fsid = 1,
        .f_flag = source->flags & 1 ? ST_RDONLY : 0,
        .f_namemax = source->name_bytes_maximum,
    };
    return 0;
}
