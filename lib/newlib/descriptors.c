/* SPDX-License-Identifier: MIT */
/* The descriptor table: open, close, dup, fcntl. Rule: a description is closed when its last descriptor goes. */
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "newlib/pipes.h"
#include "newlib/proc.h"

struct descriptor glue_descriptors[GLUE_DESCRIPTORS];
mode_t glue_creation_mask = 022;

static struct open_file files[GLUE_DESCRIPTORS];

struct open_file *glue_file_new(enum open_file_kind kind, uint32_t handle, uint32_t flags)
{
    for (unsigned index = 0; index < GLUE_DESCRIPTORS; index++) {
        if (files[index].references == 0) {
            files[index] = (struct open_file){(uint8_t)kind, 0, 1, handle, flags, 0};
            return &files[index];
        }
    }
    errno = ENFILE;
    return NULL;
}

int glue_file_release(struct open_file *file)
{
    int64_t result = 0;

    if (--file->references) {
        return 0;
    }
    if (glue_is_file(file)) {
        result = glue_word_call(FS_CLOSE, file->handle, 0, 0);
    }
    if (file->kind == OPEN_SHARED) {
        glue_proc(PROC_CLOSE, 0, 0, (uint64_t)1 << file->shared_offset);
    } else if (file->kind == OPEN_PIPE) {
        result = glue_pipe_close(file);
    }
    return (int)glue_result(result);
}

int glue_descriptor_new(struct open_file *file, int lowest, int flags)
{
    for (int fd = lowest; fd < GLUE_DESCRIPTORS; fd++) {
        if (!glue_descriptors[fd].file) {
            glue_descriptors[fd] = (struct descriptor){file, flags};
            return fd;
        }
    }
    errno = EMFILE;
    return -1;
}

/* The description that open() makes; NULL and errno. */
static struct open_file *open_path(const char *path, int flags, mode_t mode)
{
    uint32_t handle = 0;
    enum open_file_kind kind = path ? glue_device(path, &handle) : OPEN_NONE;
    struct open_file *file = glue_file_new(kind == OPEN_NONE ? OPEN_FILE : kind, handle, (uint32_t)flags);
    int64_t result;

    if (!file || kind != OPEN_NONE) {
        return file;
    }
    result = glue_path_call(FS_OPEN, path, (uint32_t)(flags & ~(O_CLOEXEC | O_NOCTTY | O_NONBLOCK)),
                            mode & ~glue_creation_mask & 07777, 0);
    if (glue_result(result) < 0) {
        file->references = 0;
        return NULL;
    }
    file->handle = (uint32_t)result;
    return file;
}

int open(const char *path, int flags, ...)
{
    struct open_file *file;
    mode_t mode = 0;
    int fd;

    if (flags & O_CREAT) {
        va_list arguments;

        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    file = open_path(path, flags, mode);
    if (!file) {
        return -1;
    }
    fd = glue_descriptor_new(file, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
    if (fd < 0) {
        glue_file_release(file);
        errno = EMFILE;
    }
    return fd;
}

int close(int fd)
{
    struct open_file *file = glue_file(fd);

    if (!file) {
        return -1;
    }
    glue_descriptors[fd].file = NULL;
    return glue_file_release(file);
}

static int duplicate(int fd, int lowest, int flags)
{
    struct open_file *file = glue_file(fd);
    int copy;

    if (!file) {
        return -1;
    }
    if (lowest < 0 || lowest >= GLUE_DESCRIPTORS) {
        errno = EINVAL;
        return -1;
    }
    copy = glue_descriptor_new(file, lowest, flags);
    if (copy >= 0) {
        file->references++;
    }
    return copy;
}

int dup(int fd)
{
    return duplicate(fd, 0, 0);
}

int dup2(int fd, int wanted)
{
    struct open_file *file = glue_file(fd);
    struct open_file *replaced;

    if (!file) {
        return -1;
    }
    if (wanted < 0 || wanted >= GLUE_DESCRIPTORS) {
        errno = EBADF;
        return -1;
    }
    if (wanted == fd) {
        return wanted;
    }
    replaced = glue_descriptors[wanted].file;
    file->references++;
    glue_descriptors[wanted] = (struct descriptor){file, 0};
    if (replaced) {
        glue_file_release(replaced);
    }
    return wanted;
}

int dup3(int fd, int wanted, int flags)
{
    int copy;

    if (fd == wanted) {
        errno = EINVAL;
        return -1;
    }
    copy = dup2(fd, wanted);
    if (copy >= 0 && (flags & O_CLOEXEC)) {
        glue_descriptors[copy].flags = FD_CLOEXEC;
    }
    return copy;
}

/*
 * Record locks: a program never conflicts with itself, and the file system keeps none between programs, so asking finds
 * nothing and setting always succeeds. Programs that share files must not rely on them.
 */
static int lock_request(int command, struct flock *lock)
{
    if (!lock || (lock->l_type != F_RDLCK && lock->l_type != F_WRLCK && lock->l_type != F_UNLCK)) {
        errno = EINVAL;
        return -1;
    }
    if (command == F_GETLK) {
        lock->l_type = F_UNLCK;
    }
    return 0;
}

/* O_APPEND is fixed when a file is opened; the other flags that may be set change nothing. */
static int set_flags(struct open_file *file, int flags)
{
    if ((file->flags ^ (uint32_t)flags) & O_APPEND) {
        errno = EINVAL;
        return -1;
    }
    file->flags = (file->flags & ~(uint32_t)O_NONBLOCK) | ((uint32_t)flags & O_NONBLOCK);
    return 0;
}

int fcntl(int fd, int command, ...)
{
    struct open_file *file = glue_file(fd);
    va_list arguments;
    int64_t argument;

    if (!file) {
        return -1;
    }
    va_start(arguments, command);
    argument = va_arg(arguments, int64_t);
    va_end(arguments);
    switch (command) {
    case F_DUPFD:
        return duplicate(fd, (int)argument, 0);
    case F_DUPFD_CLOEXEC:
        return duplicate(fd, (int)argument, FD_CLOEXEC);
    case F_GETFD:
        return glue_descriptors[fd].flags;
    case F_SETFD:
        glue_descriptors[fd].flags = (int)argument & FD_CLOEXEC;
        return 0;
    case F_GETFL:
        return (int)(file->flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC));
    case F_SETFL:
        return set_flags(file, (int)argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
        return lock_request(command, (struct flock *)argument);
    default:
        errno = EINVAL;
        return -1;
    }
}

int flock(int fd, int operation)
{
    (void)operation;
    return glue_file(fd) ? 0 : -1;
}

int creat(const char *path, mode_t mode)
{
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

mode_t umask(mode_t mask)
{
    mode_t before = glue_creation_mask;

    glue_creation_mask = mask & 0777;
    return before;
}
