/* SPDX-License-Identifier: MIT */
/*
 * What all files of the file system share: limits, the one memory, the convention of results.
 *
 * Rule: everything that outlives a call and must survive a crash is in the SSRs, the service region and the
 * committed log of the outbox. struct fs_memory (zeroed at a restart) and struct fs_scratch (garbage after one) are
 * caches of these and of the disk; recover.c makes them again. There is no other writable object in this folder.
 *
 * Results: >= 0, or a negative PE_* for the client. An inconsistency of the disk is an error for the client
 * (-PE_IO); an inconsistency of our own memory ends the incarnation (fs_panic), which takes the call back.
 *
 * The way of a change:  ops -> inode, directory, block_map, allocate -> block_edit (transaction.c: cache frame and
 * touched range) -> transaction_commit -> log_append (outbox) -> reply, where the kernel commits the region that
 * covers the new records. drain.c writes committed records to the disk, all of a batch or nothing (journal.c).
 */
#ifndef FS_FS_H
#define FS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fs.h"
#include "abi/posix_errno.h"
#include "servers/common/server.h"

#include "ext2.h"

/* A unit is what the cache holds and the block service moves: 4 KiB of the disk, one block or several. */
#define UNIT_SHIFT        12
#define UNIT_BYTES        (1u << UNIT_SHIFT)
#define UNIT_SECTORS      (UNIT_BYTES / 512)

/* A chunk is what one checksum covers in the cache. */
#define CHUNK_SHIFT       8
#define CHUNK_BYTES       (1u << CHUNK_SHIFT)
#define UNIT_CHUNKS       (UNIT_BYTES / CHUNK_BYTES)

#define FRAME_COUNT       1024 /* units in the cache: 4 MiB */
#define RUN_UNITS         16   /* units of one transfer, as many as the block service takes */
#define CACHE_BUCKETS     2048
#define CACHE_RAW         0x80000000u /* in a frame's key: the unit as it is on the disk, without the log */

#define LOG_RECORDS       1024 /* of one batch */
#define LOG_BUCKETS       512

/*
 * What one transaction may change at most: whatever needs more is cut into several by its caller. And what there is room
 * for in the log before one begins: as much as nearly all need. One that finds the log full is taken back and comes again
 * after the log was written back (FS_DRAIN_FIRST).
 */
#define TOUCH_MAXIMUM     320
#define TOUCH_BYTES       (320 * 1024)
#define TOUCH_ORDINARY    96
#define BYTES_ORDINARY    (128 * 1024)
#define METADATA_MAXIMUM  160 /* metadata blocks of a batch after which it is drained */

#define OPEN_ENTRIES      2048 /* slots of the table of open inodes, a power of two */

/* The largest number of pages lent with a call. */
#define TRANSFER_PAGES    16

/* Room for a path whose symbolic links have been replaced by their targets. */
#define PATH_ROOM         (32 * 1024)

/* Flags of the region. */
#define REGION_MARKED     1 /* the superblock says that the volume is in use */
#define REGION_WAS_CLEAN  2
#define REGION_FIRST      4 /* this batch is the first one since the mount: the superblock counts the mount with it */
#define REGION_DAMAGED    8 /* metadata was lost: the volume is read-only, e2fsck has to look at it */

/*
 * Internal results. Take everything back and write the log back first, then run the request again. And: this is about to
 * change the structure of the volume, in a transaction that is not run twice (twice.h); nothing has changed yet.
 */
#define FS_DRAIN_FIRST    (-4096)
#define FS_TWICE          (-4097)

/* Codes of fs_panic, as the fault record shows them. */
enum fs_panic_code {
    FS_PANIC_CACHE = 0x66730001,   /* a cached chunk differs from its checksum */
    FS_PANIC_LOG,                  /* the log's bounds or a record just written are wrong */
    FS_PANIC_REGION,               /* the service region is not as this server left it */
    FS_PANIC_SSR,                  /* a handle of the client's SSR differs from its checksum */
    FS_PANIC_OPEN_TABLE,           /* the table of open inodes lacks an inode that is open */
    FS_PANIC_VOLUME,               /* the description of the volume differs from its checksum */
    FS_PANIC_TRANSACTION,          /* a transaction outgrew what was checked before it began */
    FS_PANIC_CHECK,                /* a result failed its check before the reply */
    FS_PANIC_TWICE,                /* a change done twice came to two different things */
    FS_PANIC_DOUBT                 /* damage was found: a new incarnation has to find it, too */
};

#define fs_panic(code) server_panic(code)

/* The mounted volume: what mount.c took from the superblock. Constant between mounts, covered by `check`. */
struct volume {
    uint32_t mounted;
    uint32_t read_only;
    uint32_t blocks;
    uint32_t first_data_block;
    uint32_t blocks_per_group;
    uint32_t inodes;
    uint32_t inodes_per_group;
    uint32_t first_inode;
    uint32_t groups;
    uint32_t block_shift;
    uint32_t unit_shift;       /* block >> this is its unit */
    uint32_t pointers_shift;   /* a block holds 1 << this pointers */
    uint32_t inode_shift;      /* an inode takes 1 << this bytes */
    uint32_t extra_bytes;      /* written behind the first 128 bytes of new inodes: 0 or 32 */
    uint32_t table_blocks;     /* of each group's inode table */
    uint32_t descriptor_block; /* first block of the group descriptors */
    uint32_t reserve_blocks;   /* kept free for the write-back */
    uint32_t has_filetype;
    uint64_t sectors;          /* of the volume */
    uint64_t file_bytes_maximum;
    uint64_t block_bytes;
    uint64_t check; /* checksum of all before it; last, and at a multiple of 8 */
};

/* One 4 KiB frame of the cache. */
struct frame {
    uint32_t key;          /* unit, perhaps with CACHE_RAW */
    uint32_t used_at;      /* cache clock of the last use */
    uint32_t batch;        /* with CACHE_RAW: the batch it was read in */
    uint16_t next;         /* in its bucket: frame number + 1, 0 at the end */
    uint16_t stale_chunks; /* chunks that this transaction has changed: their checksums are made at its commit */
    uint16_t touch;        /* first touch of this transaction + 1, 0 if it has not changed the frame */
    uint8_t held;          /* 1 if in use */
    uint8_t referenced;    /* used since the hand came by */
    uint16_t verified_chunks; /* chunks whose checksums were compared in the call number verified_in */
    uint16_t overwritten;  /* 1 if this transaction changed bytes that it has not saved: an abort drops the frame */
    uint32_t verified_in;
    uint32_t padding;
    uint32_t checksum[UNIT_CHUNKS];
};
_Static_assert(sizeof(struct frame) == 96, "frame");

struct cache {
    uint32_t clock;
    uint32_t call; /* number of the running call, as far as verified_in is concerned */
    uint32_t hand;
    uint16_t bucket[CACHE_BUCKETS]; /* frame number + 1, 0 if empty */
};

/* Bytes of one block that the running transaction has changed. */
struct touch {
    uint32_t block;
    uint16_t low; /* first byte */
    uint16_t high; /* behind the last byte */
    uint16_t frame;
    uint16_t next; /* of the same frame: touch number + 1 */
    uint16_t kind; /* BLOCK_DATA or BLOCK_METADATA */
    uint16_t reserved;
};

#define BLOCK_DATA     0 /* written in place at once: contents of files */
#define BLOCK_METADATA 1 /* written through the journal: everything that the structure depends on */
#define BLOCK_LOST     2 /* of a node in the log's index: not written, a record of it is damaged */

/* A chunk as it was before the running transaction changed it; its bytes are in fs_scratch.saved. */
struct saved_chunk {
    uint16_t frame;
    uint16_t chunk;
};

#define SAVED_CHUNKS 256

/* What a call does to its client's SSR: nothing, or one of these, at its commit (state.h). */
enum session_change {
    SESSION_SAME,
    SESSION_OPEN,
    SESSION_MOVE,
    SESSION_CLOSE,
    SESSION_DIRECTORY
};

struct session {
    uint32_t change;
    uint32_t handle;
    uint32_t inode;
    uint32_t generation;
    uint32_t flags;
    uint32_t padding;
    uint64_t offset;
};

struct transaction {
    uint32_t count;
    uint32_t bytes;        /* upper bound of what the log will take */
    uint32_t room_touches; /* of the log, at most TOUCH_MAXIMUM and TOUCH_BYTES */
    uint32_t room_bytes;
    uint32_t blocks_freed; /* by this transaction */
    uint32_t inodes_freed;
    int32_t free_blocks;   /* change of the counts */
    int32_t free_inodes;
    uint32_t release_inode; /* as the region will say: whose blocks are still to be freed, */
    uint64_t release_size;  /* and from which size on */
    uint32_t located_inode; /* where the inode that was looked at last lies, 0 for none */
    uint32_t located_block;
    uint32_t located_offset;
    uint32_t revocable;    /* 1 if changed chunks are saved first */
    uint32_t saved_chunks;
    uint32_t failure;      /* what made block_edit fail: a PE_*, or -FS_DRAIN_FIRST if the log is full; or 0 */
    struct session session;
    struct touch touch[TOUCH_MAXIMUM];
    struct saved_chunk saved[SAVED_CHUNKS];
};

/* A block with records in the log, and their chain in order of time. */
struct log_node {
    uint32_t block;
    uint16_t first; /* record */
    uint16_t last;
    uint16_t next; /* in its bucket: node + 1 */
    uint16_t kind; /* BLOCK_* */
};

struct log_index {
    uint32_t nodes;
    uint32_t kind_nodes[3]; /* of each BLOCK_* */
    uint64_t ordered_batch; /* fs_scratch.order holds the nodes of one kind of this batch - 1, 0 if of none */
    uint32_t ordered_kind;
    uint32_t ordered_count;
    uint16_t bucket[LOG_BUCKETS]; /* node + 1 */
};

/* How often an inode is open (handles and working directories of all clients). */
struct open_entry {
    uint32_t inode; /* 0 if free */
    uint16_t count;
    uint16_t check;
};

struct open_table {
    uint32_t used;
    struct open_entry entry[OPEN_ENTRIES];
};

struct fs_statistics {
    uint64_t calls;
    uint64_t drains;
    uint64_t units_read;
    uint64_t units_written;
    uint64_t copies_repeated;
    uint64_t records_lost;
};

struct fs_memory {
    struct volume volume;
    int64_t mount_error;  /* why nothing is mounted, a negative PE_* */
    uint32_t now_s;       /* the time of this call, once somebody has asked for it */
    uint32_t free_blocks; /* sum of the group descriptors */
    uint32_t free_inodes;
    struct cache cache;
    struct transaction transaction;
    struct log_index log;
    struct open_table open;
    struct fs_statistics statistics;
};

struct fs_scratch {
    uint8_t unit[FRAME_COUNT][UNIT_BYTES];    /* contents of the frames */
    uint8_t staging[RUN_UNITS * UNIT_BYTES];  /* what drain.c hands to the block service */
    uint8_t saved[SAVED_CHUNKS][CHUNK_BYTES]; /* transaction.c */
    uint16_t order[LOG_RECORDS];              /* drain.c: nodes by block */
    uint16_t merged[LOG_RECORDS];
    struct frame frame[FRAME_COUNT];
    struct log_node node[LOG_RECORDS];
    uint16_t record_next[LOG_RECORDS]; /* record + 1 */
    uint32_t journal_block[1200];      /* journal.c */
    char path[3][PATH_ROOM];   /* path.c, and the request's paths */
};

extern struct fs_memory fs;
extern struct fs_scratch fs_scratch;

static inline struct fs_region *fs_region(void)
{
    return server_region();
}

#endif
