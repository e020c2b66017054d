/* SPDX-License-Identifier: MIT */
/* Names and the things done to files by name or by descriptor. */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "newlib/glue.h"

/* A call about an open file; descriptors of devices answer EINVAL. */
static int file_call(uint32_t operation, int fd, uint64_t word_1, uint64_t word_2)
{
    struct open_file *file = glue_file(fd);

    if (!file) {
        return -1;
    }
    if (!glue_is_file(file)) {
        errno = EINVAL;
        return -1;
    }
    return (int)glue_result(glue_word_call(operation, file->handle, word_1, word_2));
}

static int path_call(uint32_t operation, const char *path, uint64_t word_0, uint64_t word_1, uint64_t word_2)
{
    return (int)glue_result(glue_path_call(operation, path, word_0, word_1, word_2));
}

int unlink(const char *path)
{
    return path_call(FS_UNLINK, path, 0, 0, 0);
}

int rmdir(const char *path)
{
    return path_call(FS_RMDIR, path, 0, 0, 0);
}

int remove(const char *path)
{
    struct stat status;

    if (lstat(path, &status) != 0) {
        return -1;
    }
    return S_ISDIR(status.st_mode) ? rmdir(path) : unlink(path);
}

int mkdir(const char *path, mode_t mode)
{
    return path_call(FS_MKDIR, path, mode & ~glue_creation_mask & 07777, 0, 0);
}

int link(const char *existing, const char *name)
{
    return (int)glue_result(glue_two_path_call(FS_LINK, existing, name));
}

int symlink(const char *target, const char *name)
{
    return (int)glue_result(glue_two_path_call(FS_SYMLINK, target, name));
}

int rename(const char *existing, const char *name)
{
    return (int)glue_result(glue_two_path_call(FS_RENAME, existing, name));
}

ssize_t readlink(const char *restrict path, char *restrict buffer, size_t bytes)
{
    int64_t length = glue_result(glue_path_call(FS_READLINK, path, 0, 0, 0));

    if (length < 0) {
        return -1;
    }
    if ((size_t)length > bytes) {
        length = (int64_t)bytes;
    }
    memcpy(buffer, pd_message(), (size_t)length);
    return length;
}

int chdir(const char *path)
{
    return path_call(FS_CHDIR, path, 0, 0, 0);
}

int fchdir(int fd)
{
    return file_call(FS_FCHDIR, fd, 0, 0);
}

char *getcwd(char *buffer, size_t bytes)
{
    int64_t length = glue_result(glue_word_call(FS_GETCWD, 0, 0, 0));

    if (length < 0) {
        return NULL;
    }
    if (!buffer) {
        bytes = bytes ? bytes : (size_t)length + 1;
        buffer = (size_t)length < bytes ? malloc(bytes) : NULL;
        if (!buffer) {
            errno = (size_t)length < bytes ? ENOMEM : ERANGE;
            return NULL;
        }
    } else if (bytes == 0 || (size_t)length >= bytes) {
        errno = bytes ? ERANGE : EINVAL;
        return NULL;
    }
    memcpy(buffer, pd_message(), (size_t)length);
    buffer[length] = 0;
    return buffer;
}

char *get_current_dir_name(void)
{
    return getcwd(NULL, 0);
}

int truncate(const char *path, off_t size)
{
    return path_call(FS_TRUNCATE, path, (uint64_t)size, 0, 0);
}

int ftruncate(int fd, off_t size)
{
    return file_call(FS_FTRUNCATE, fd, (uint64_t)size, 0);
}

int fsync(int fd)
{
    return file_call(FS_FSYNC, fd, 0, 0);
}

int fdatasync(int fd)
{
    return fsync(fd);
}

void sync(void)
{
    glue_word_call(FS_SYNC, 0, 0, 0);
}

int chmod(const char *path, mode_t mode)
{
    return path_call(FS_CHMOD, path, mode & 07777, 0, 0);
}

int fchmod(int fd, mode_t mode)
{
    return file_call(FS_FCHMOD, fd, mode & 07777, 0);
}

int chown(const char *path, uid_t owner, gid_t group)
{
    return path_call(FS_CHOWN, path, (uint64_t)(int64_t)(int32_t)owner, (uint64_t)(int64_t)(int32_t)group, 0);
}

int lchown(const char *path, uid_t owner, gid_t group)
{
    return path_call(FS_CHOWN, path, (uint64_t)(int64_t)(int32_t)owner, (uint64_t)(int64_t)(int32_t)group, 1);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    return file_call(FS_FCHOWN, fd, (uint64_t)(int64_t)(int32_t)owner, (uint64_t)(int64_t)(int32_t)group);
}

int utime(const char *path, const struct utimbuf *times)
{
    time_t now = times ? 0 : time(NULL);

    return path_call(FS_UTIME, path, (uint64_t)(times ? times->actime : now),
                     (uint64_t)(times ? times->modtime : now), 0);
}

static int set_times(const char *path, const struct timeval *times, uint64_t no_follow)
{
    time_t now = times ? 0 : time(NULL);

    return path_call(FS_UTIME, path, (uint64_t)(times ? times[0].tv_sec : now),
                     (uint64_t)(times ? times[1].tv_sec : now), no_follow);
}

int utimes(const char *path, const struct timeval *times)
{
    return set_times(path, times, 0);
}

int lutimes(const char *path, const struct timeval *times)
{
    return set_times(path, times, 1);
}

/* One of the times that utimensat() takes, in the whole seconds that the file system keeps. */
static time_t wanted_time(const struct timespec *wanted, time_t before)
{
    switch (wanted->tv_nsec) {
    case UTIME_NOW:
        return time(NULL);
    case UTIME_OMIT:
        return before;
    default:
        return wanted->tv_sec;
    }
}

/* Only paths that do not start at an open directory: ENOTSUP for others. */
int utimensat(int directory, const char *path, const struct timespec *times, int flags)
{
    uint64_t no_follow = flags & AT_SYMLINK_NOFOLLOW ? 1 : 0;
    struct stat before;

    if (directory != AT_FDCWD && path && path[0] != '/') {
        errno = ENOTSUP;
        return -1;
    }
    if (!times) {
        return set_times(path, NULL, no_follow);
    }
    if ((no_follow ? lstat(path, &before) : stat(path, &before)) != 0) {
        return -1;
    }
    return path_call(FS_UTIME, path, (uint64_t)wanted_time(&times[0], before.st_atime),
                     (uint64_t)wanted_time(&times[1], before.st_mtime), no_follow);
}

/* The file system takes times by name only. */
int futimens(int fd, const struct timespec *times)
{
    (void)times;
    errno = glue_file(fd) ? ENOSYS : EBADF;
    return -1;
}

int mkfifo(const char *path, mode_t mode)
{
    (void)path;
    (void)mode;
    errno = ENOSYS;
    return -1;
}

int mknod(const char *path, mode_t mode, dev_t device)
{
    (void)device;
    return mkfifo(path, mode);
}

/* The last component of a path; the text may be changed. */
char *basename(char *path)
{
    size_t length;

    if (!path || !*path) {
        return (char *)".";
    }
    for (length = strlen(path); length > 1 && path[length - 1] == '/'; length--) {
        path[length - 1] = 0;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    return path[length] ? path + length : path;
}

/* All of a path but its last component; the text may be changed. */
char *dirname(char *path)
{
    size_t length = path ? strlen(path) : 0;

    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length == 0) {
        return (char *)".";
    }
    path[length] = 0;
    return path;
}
