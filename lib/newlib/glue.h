/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the system-call layer under newlib share.
 *
 * Rule: this layer holds no data of files. A descriptor is a number here and a handle in the file system (or a
 * stream of the console); what POSIX calls an open file description is a struct open_file. One thread.
 *
 * Errors: a service answers -PE_*, which are newlib's errno numbers. A call that no service answered becomes
 * EIO when the service is down (PD_DEAD), when what it held for this program was damaged and locked away
 * (PD_LOST), or when the request itself kept killing the service (PD_POISON); other statuses as in perdure/portal.h.
 */
#ifndef NEWLIB_GLUE_H
#define NEWLIB_GLUE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/console.h"
#include "abi/fs.h"
#include "perdure/portal.h"
#include "spawn/startup.h"

#define GLUE_DESCRIPTORS 128
/*
 * Most that goes in one call, below FS_TRANSFER_BYTES: a call that a crash interrupts runs again from its start, so
 * shorter calls lose less and get through a service that dies often. One more call for each 16 KiB costs little beside them.
 */
#define GLUE_TRANSFER_BYTES (4 * PAGE_BYTES)
/* Up to here the message page is cheaper than lending a page. */
#define GLUE_MESSAGE_BYTES 512

enum open_file_kind {
    OPEN_NONE,
    OPEN_FILE,    /* `handle` of the file system */
    OPEN_CONSOLE, /* `handle` is the stream */
    OPEN_NULL,    /* /dev/null */
    OPEN_ZERO,    /* /dev/zero */
    OPEN_RANDOM,  /* /dev/urandom and /dev/random, from the random number service */
    OPEN_SHARED,  /* as OPEN_FILE, but its offset is shared with other processes: `shared_offset` of the process service */
    OPEN_PIPE,    /* an end (by the access mode of `flags`) of pipe number `handle` of the process service */
    OPEN_PATH,    /* of a child only: to be opened by it, by path (inherit.h) */
};

/* An open file description: shared by dup(). */
struct open_file {
    uint8_t kind;
    uint8_t terminal; /* of a console: 0 not asked yet, 1 no, 2 yes */
    uint16_t references;
    uint32_t handle;
    uint32_t flags; /* O_* as given to open() */
    uint32_t shared_offset;
};

/* Is it a file of the file system? */
static inline int glue_is_file(const struct open_file *file)
{
    return file->kind == OPEN_FILE || file->kind == OPEN_SHARED;
}

struct descriptor {
    struct open_file *file; /* NULL: free */
    int flags;              /* FD_CLOEXEC */
};

extern struct descriptor glue_descriptors[GLUE_DESCRIPTORS];
extern const struct startup_block *glue_startup;
extern mode_t glue_creation_mask;

/* The file of a descriptor; NULL and errno EBADF if it is not open. */
static inline struct open_file *glue_file(int fd)
{
    if (__builtin_expect((unsigned)fd < GLUE_DESCRIPTORS && glue_descriptors[fd].file, 1)) {
        return glue_descriptors[fd].file;
    }
    errno = EBADF;
    return NULL;
}

/* A result >= 0 as it is; -PE_* into errno and -1. */
static inline int64_t glue_result(int64_t result)
{
    if (__builtin_expect(result < 0, 0)) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

/* ---- descriptors.c ---- */
/* The lowest free descriptor >= `lowest` for `file` (a reference is taken over); -1 and EMFILE. */
int glue_descriptor_new(struct open_file *file, int lowest, int flags);
/* A file description with one reference; NULL and ENFILE. */
struct open_file *glue_file_new(enum open_file_kind kind, uint32_t handle, uint32_t flags);
/* Give a reference back; the last one closes. 0 or -1 and errno. */
int glue_file_release(struct open_file *file);

/* ---- calls.c: calls to the file system ---- */
/* Put a path at `offset` of the message page, NUL-terminated; its length, or -PE_NOENT (empty) or -PE_NAMETOOLONG. */
int64_t glue_put_path(const char *path, size_t offset);
/* Call with one path and up to three words; word 0 of the answer. */
int64_t glue_path_call(uint32_t operation, const char *path, uint64_t word_0, uint64_t word_1, uint64_t word_2);
/* Call with two paths. */
int64_t glue_two_path_call(uint32_t operation, const char *first, const char *second);
/* Call with words only. */
int64_t glue_word_call(uint32_t operation, uint64_t word_0, uint64_t word_1, uint64_t word_2);

/* ---- devices.c: the few names under /dev that this layer serves itself ---- */
struct stat;
/* The kind that `path` names, OPEN_NONE if it is a path of the file system; *handle as struct open_file has it. */
enum open_file_kind glue_device(const char *path, uint32_t *handle);
ssize_t glue_device_read(struct open_file *file, void *buffer, size_t bytes);
ssize_t glue_device_write(struct open_file *file, const void *buffer, size_t bytes);
void glue_device_stat(const struct open_file *file, struct stat *answer);

/* ---- terminal.c ---- */
/* Bytes of console input that a read would return at once. */
int64_t glue_input_waiting(void);

/* ---- transfer.c ---- */
/* A transfer at an offset; as pread() and pwrite() answer. */
ssize_t glue_transfer_at(struct open_file *file, void *buffer, size_t bytes, uint64_t offset, int reading);

#endif
