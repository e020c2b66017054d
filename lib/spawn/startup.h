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

/* Where a standard stream leads. */
#define STARTUP_CONSOLE 0 /* standard input of the console, stream 1 or stream 2 */
#define STARTUP_FILE 1    /* `path`, opened with `flags` and mode 0666 by the program's own start-up code */
#define STARTUP_NULL 2    /* reads are empty, writes vanish */
#define STARTUP_CLOSED 3  /* no descriptor */

struct startup_stream {
    uint32_t kind;
    uint32_t console_stream; /* of STARTUP_CONSOLE: 0 input, CONSOLE_STREAM_OUTPUT or CONSOLE_STREAM_ERROR */
    uint64_t flags;          /* of STARTUP_FILE: FS_O_* */
    const char *path;        /* of STARTUP_FILE */
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
    uint64_t creation_mask;    /* umask */
    struct startup_stream streams[3];
    uint64_t service_count;
    const struct startup_service *services; /* all there are for this program */
};

/* Arguments, environment, paths and pointers together, at most. */
#define STARTUP_BYTES_MAXIMUM (64 * 1024)

#endif
