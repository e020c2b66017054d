/* SPDX-License-Identifier: MIT */
/*
 * What a program finds at its start: the block its parent leaves at the top of its stack.
 *
 * Rule: the entry gets the block's address in rdi and starts with the stack just below it. Every pointer in
 * the block points into it. The parent writes it once; afterwards it is the program's own memory.
 */
#ifndef SPAWN_STARTUP_H
#define SPAWN_STARTUP_H

#include <stdint.h>

#define STARTUP_MAGIC 0x5452415453444550u /* "PEDSTART" read as a number */

/* Where a descriptor leads. */
enum startup_kind {
    STARTUP_CONSOLE, /* number: 0 input, CONSOLE_STREAM_OUTPUT or CONSOLE_STREAM_ERROR */
    STARTUP_PATH,    /* `path`, opened with `flags` and mode 0666 by the program's own start-up code */
    STARTUP_DEVICE,  /* number: one of those that the C library serves itself */
    STARTUP_SAME,    /* number: a descriptor before this one in the list, of which it is a dup() */
    STARTUP_PIPE,    /* number: of the pipe, whose end (by the access mode of `flags`) the program's process holds */
    STARTUP_FILE,    /* number: inode of a file that the parent has open, with `generation`, `flags` and `offset` */
    STARTUP_HELD,    /* number: handle of the file system that this very program has already: after an exec */
};

struct startup_stream {
    uint8_t kind; /* enum startup_kind */
    uint8_t shared_offset; /* of a file: 1 + the number of the shared offset, 0 if it has its own */
    uint16_t descriptor;
    uint32_t number;
    uint32_t generation;
    uint32_t flags; /* O_* */
    uint64_t offset;
    const char *path;
};

/* A service that the program is bound to: what perdure/names.h finds by its name. */
struct startup_service {
    char name[16]; /* as the manifest has it, padded with NUL */
    uint64_t slot; /* of its portal */
};

struct startup_block {
    uint64_t magic;
    uint64_t argument_count;
    char **arguments;          /* argument_count pointers, then NULL */
    char **environment;        /* pointers, then NULL */
    const char *working_directory; /* NULL for the root */
    uint64_t process_number;   /* what getpid() answers */
    uint64_t parent_number;
    uint64_t process_token;    /* for the process service; 0: it does not expect the program */
    uint64_t process_started;  /* 1 after an exec: the process service knows the program already */
    uint64_t signals;          /* after an exec: those that it ignores, and in the upper half those that it blocks */
    uint64_t creation_mask;    /* umask */
    uint64_t stream_count;
    const struct startup_stream *streams; /* its descriptors; those that are not listed are closed */
    uint64_t service_count;
    const struct startup_service *services; /* all there are for this program */
};

/* Arguments, environment, paths and pointers together, at most. */
#define STARTUP_BYTES_MAXIMUM (64 * 1024)

#endif
