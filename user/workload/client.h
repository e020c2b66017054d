/* SPDX-License-Identifier: MIT */
/*
 * workload: clients for experiments.
 *
 *     workload NAME VARIANT [-d DIRECTORY] [-n OPERATIONS] [-s SEED] [-c CHECKSUMS] [-y]
 *
 *     reader       reads files that the host made and checks them against the list CHECKSUMS
 *     writer       writes, appends, truncates and reads back its own files
 *     renamer      renames, links and deletes
 *     directories  makes, lists and removes directories
 *     numbers      draws from its stream of random numbers
 *     alarms       sets alarms and waits for them
 *     processes    sends bytes to children and gets them back through pipes
 *     steps        makes, writes, renames and removes one file, each once
 *     scheduling   attaches its time to the scheduler, changes what it set, yields
 *
 * With -y it gives the processor away after each operation, so that clients take turns.
 *
 * At its end a client prints
 *     client NAME operations=N errors=N digest=HEX
 * where the digest covers every reply in order: operation, result, errno, data.
 *
 * Rule: what a client does and what it is answered follow from its arguments and the disk alone: it reads no clock, uses
 * no other client's directory, and looks at nothing that may legitimately differ from run to run (times, inode numbers,
 * order of directory entries). An error is an answer that cannot be right: a failure that the client's own model
 * excludes, or data that differs from what it knows.
 */
#ifndef USER_WORKLOAD_CLIENT_H
#define USER_WORKLOAD_CLIENT_H

#include <stddef.h>
#include <stdint.h>

enum operation {
    OP_OPEN = 1,
    OP_CLOSE,
    OP_READ,
    OP_WRITE,
    OP_PREAD,
    OP_PWRITE,
    OP_SEEK,
    OP_STAT,
    OP_TRUNCATE,
    OP_SYNC,
    OP_RENAME,
    OP_LINK,
    OP_SYMLINK,
    OP_READLINK,
    OP_UNLINK,
    OP_MKDIR,
    OP_RMDIR,
    OP_LIST,
    OP_NUMBERS,
    OP_CHECK,
    OP_ALARM,
    OP_PROCESS,
    OP_SCHEDULE,
};

struct client {
    const char *name;
    const char *directory;
    const char *checksums;
    uint64_t operations_wanted;
    uint64_t operations; /* done */
    uint64_t errors;
    uint64_t digest;
    uint64_t random; /* state */
    int yields;      /* after each reply, so that clients take turns */
};

/* A number below `limit` (> 0) from the client's own generator (splitmix64). */
uint64_t client_random(struct client *client, uint64_t limit);

/*
 * Take a reply in: `result` as the call returned it, errno if it is negative. `expected_errno` is the errno that the
 * client's model demands, 0 for success. Returns 1 if the reply is as demanded, else 0 after counting an error.
 */
int client_reply(struct client *client, enum operation operation, int64_t result, int expected_errno);

/* Take data of a reply into the digest. */
void client_data(struct client *client, const void *data, size_t bytes);

/* Data that cannot be right: count an error and say which. */
void client_wrong(struct client *client, const char *what, const char *path);

/* "DIRECTORY/PREFIXnumber" into `path`. */
void client_path(const struct client *client, char *path, size_t path_bytes, const char *prefix, unsigned number);

/* Fill a buffer with bytes that follow from `tag`. */
void client_fill(uint8_t *buffer, size_t bytes, uint64_t tag);

/* CRC-32 as zlib computes it (polynomial 0xedb88320), continued from `crc` (0 at first). */
uint32_t client_crc32(uint32_t crc, const void *data, size_t bytes);

/* The variants: run until operations_wanted replies are in. -1 if the client could not begin. */
int variant_reader(struct client *client);
int variant_writer(struct client *client);
int variant_renamer(struct client *client);
int variant_directories(struct client *client);
int variant_numbers(struct client *client);
int variant_alarms(struct client *client);
int variant_processes(struct client *client);
int variant_steps(struct client *client);
int variant_scheduling(struct client *client);

#endif
