/* SPDX-License-Identifier: MIT */
/*
 * fsx: does random things to a file system and to a model in memory, and compares every answer.
 *
 *     fsx [-n OPERATIONS] [-s SEED] [-d DIRECTORY] [-q]
 *
 *     world.c      the model: nodes, names, handles; random numbers
 *     report.c     the last operations and the verdict
 *     data.c       reads, writes, sizes
 *     names.c      making, renaming, linking, removing
 *     look.c       status, listings, whole contents
 *
 * The directory is made, or must be empty. What is there at the end stays, so that a checker of the disk finds
 * something to check. The verdict is the last line; the exit status is 0 if there was no difference.
 *
 * Rule: an action first decides from the model what the answer must be, then asks, then compares, and changes the model
 * only if the answer was as decided. It works on any POSIX system, and is tried on the host too.
 */
#ifndef USER_FSX_WORLD_H
#define USER_FSX_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODES 96
#define NAMES_PER_DIRECTORY 12
#define DEPTH_MAXIMUM 4
#define HANDLES 12
#define FILE_BYTES_MAXIMUM 400000
#define PATH_BYTES 2048
#define TARGET_BYTES 200

enum node_kind { NODE_FREE, NODE_FILE, NODE_DIRECTORY, NODE_SYMLINK };

/* What a name leads to. Node 0 is the directory that fsx works in. */
struct node {
    enum node_kind kind;
    unsigned links; /* names; of a directory: 1 */
    unsigned mode;
    unsigned opened; /* handles */
    /* file */
    uint64_t bytes;
    uint8_t *content; /* FILE_BYTES_MAXIMUM bytes, the unused ones zero */
    /* directory */
    int parent;
    unsigned depth;
    int children[NAMES_PER_DIRECTORY]; /* node of each possible name, -1 for none */
    /* symbolic link */
    char target[TARGET_BYTES];
};

struct handle {
    int fd; /* -1: free */
    int node;
    uint64_t *offset; /* shared by duplicates */
    unsigned *sharers;
    bool append;
    bool readable;
    bool writable;
};

/* A place in the tree: directory and number of the name there. */
struct place {
    int directory;
    unsigned name;
};

extern struct node nodes[NODES];
extern struct handle handles[HANDLES];
extern uint64_t operation_number;

/* ---- world.c ---- */
void world_start(const char *directory, uint64_t seed);
uint64_t random_below(uint64_t limit);
bool one_in(unsigned chances);
/* A new node of this kind, -1 if all are taken. */
int node_new(enum node_kind kind);
/* Free a node that has neither names nor handles. */
void node_settle(int node);
int node_at(struct place place);
void node_put(struct place place, int node);
/* Some directory that exists; some place in one; some place whose node is of this kind (false: none was found). */
int random_directory(void);
struct place random_place(void);
bool random_place_of(enum node_kind kind, struct place *place);
/* Whether directory `above` is `node` or a directory on the way from it to the top. */
bool is_above(int above, int node);
/* Paths: PATH_BYTES of room. */
void path_of_directory(int directory, char *path);
void path_of(struct place place, char *path);
const char *name_text(unsigned name);
/* A handle: some open one (NULL: none), a free one (NULL: none). */
struct handle *random_handle(void);
struct handle *free_handle(void);

/* ---- report.c ---- */
/* Note what is about to be done, for the report. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Compare: result of a call (-1 and errno on failure) with the errno due (0 for success). True if as due. */
bool expect(int64_t result, int due_errno);
/* A difference in data; shows the last operations and counts it. */
void differ(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t differences(void);

/* ---- data.c, names.c, look.c: one action each, chosen by number below the count ---- */
#define DATA_ACTIONS 9
#define NAME_ACTIONS 9
#define LOOK_ACTIONS 6
void data_action(unsigned number);
void name_action(unsigned number);
void look_action(unsigned number);
/* Compare everything there is. */
void look_at_all(void);
/* Close all handles. */
void close_all(void);

#endif
