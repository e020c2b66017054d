/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files through which the plugin hands results to the harness. All fields are little-endian and of fixed
 * size; faultinject/records.py reads the same layout and checks the sizes that the header states.
 *
 * An experiments file: one header, one record for each planned experiment, a list of those that are done,
 * then an arena in which children append outputs and recovery records (a record names its parts by offset
 * from the start of the file). The list has a 32-bit number for each planned experiment: in the order in
 * which they ended, the index of an experiment plus 1; 0 from where none has ended yet. Recovery records are
 * copied as the kernel laid them out (struct recovery_record, 104 bytes).
 */
#ifndef FAULTINJECT_RESULTS_H
#define FAULTINJECT_RESULTS_H

#include "machine.h"
#include "service.h"

#define RESULTS_MAGIC 0x314c555345524446ull /* "FDRESUL1" */

enum { RECOVERY_BYTES = 104, RECOVERIES_KEPT = 64, OUTPUT_KEPT_BYTES = 1 << 20 };

/* How a run ended. */
enum end {
    END_NONE = 0,       /* did not run */
    END_VERDICT = 1,    /* the machine said so: code, detail */
    END_LIMIT = 2,      /* instruction limit */
    END_RESET = 3,      /* triple fault */
    END_SHUTDOWN = 4,   /* the machine was switched off without a verdict */
    END_WALL = 5,       /* wall-clock limit: not deterministic, never a result */
    END_CHILD_DIED = 6, /* the emulator itself died: never a result */
    END_MISSED = 7      /* the point was never reached */
};

/* What became of the faulty value or place, as far as it was watched. */
enum activation {
    ACTIVATION_NOT_SEEN = 0,  /* neither used nor replaced while watched */
    ACTIVATION_USED = 1,      /* an instruction used it */
    ACTIVATION_REPLACED = 2,  /* replaced before any use */
    ACTIVATION_IMPOSSIBLE = 3 /* the fault could not be put in: the place is not there */
};

struct experiment_record {
    uint32_t done; /* written last */
    uint32_t end;
    uint64_t code;
    uint64_t detail;
    int64_t injected_at_ns;
    int64_t ended_at_ns;
    uint64_t rip; /* at injection */
    uint64_t cr3;
    uint32_t privilege;
    uint32_t stage; /* of the target service, at injection */
    uint32_t serving_binding;
    uint32_t incarnation;
    uint64_t address; /* what was hit: address, or register number */
    uint64_t before;
    uint64_t after;
    uint32_t activation;
    uint32_t watched_instructions;
    uint64_t activation_rip;
    uint64_t end_rip;
    uint64_t disk_hash[2];
    uint32_t disk_bytes_known; /* 1: disk_hash is valid */
    uint32_t recoveries;       /* how many there were; at most RECOVERIES_KEPT are kept */
    uint64_t recoveries_offset;
    struct {
        uint64_t start; /* bytes this output had at injection */
        uint64_t offset;
        uint64_t length_bytes;
    } outputs[OUTPUT_COUNT];
    uint32_t end_stage; /* of the target service, at the end */
    uint32_t end_restarts;
    uint64_t given_up;            /* bit n: the n-th service named by the options was marked down */
    int64_t activated_at_ns;      /* when it was used or replaced; 0: never seen */
    int64_t detected_at_ns;       /* when the kernel noted the first failure after the injection; 0: never */
    uint64_t calls_at_activation; /* replies of the target service since the injection, at activation */
    uint64_t calls_at_detection;  /* at detection, or at the end if there was none */
    int64_t second_at_ns;         /* when a second fault was put in, */
    uint64_t second_rip;          /* and before which instruction; 0: it was not */
    uint64_t second_points;       /* among how many its place was */
};

_Static_assert(sizeof(struct experiment_record) == 296, "faultinject/records.py reads 296 bytes");

/* What processor time is spent on, in the fork server and in its children. */
enum phase {
    PHASE_GOLDEN, /* the fork server's way along the golden path, with QEMU's start */
    PHASE_WARM,   /* warming up */
    PHASE_FORK,   /* forking, in the fork server */
    PHASE_CHILD,  /* in a child, until the guest goes on with its fault */
    PHASE_GUEST,  /* the guest, from the fault to its end */
    PHASE_RESULT, /* outputs, the disk's hash and image */
    PHASES
};

struct results_header {
    uint64_t magic;
    uint32_t header_bytes;
    uint32_t record_bytes;
    uint32_t recovery_bytes;
    uint32_t experiments;
    uint64_t arena_used; /* offset of the first free byte */
    uint64_t file_bytes;
    uint32_t forked;
    uint32_t finished; /* 1: the whole plan was worked off */
    uint32_t listed;   /* places taken in the list */
    uint32_t features; /* FEATURE_*: what was done to be fast; no result depends on it */
    uint64_t phase_ns[PHASES];
};

enum { FEATURE_QUICK_CHECKSUMS = 1, FEATURE_WARM = 2, FEATURE_EARLY_END = 4, FEATURE_SWITCHES = 8, FEATURE_REWRITTEN = 16 };

/* Creates the file and maps it shared; false after a message on stderr. */
bool results_create(const char *path, unsigned experiments);
struct experiment_record *results_record(unsigned index);
void results_count_fork(void);

/* From here on this process's time is spent on `phase`. */
void results_phase(enum phase phase);
void results_feature(uint32_t feature);

/* The record is complete, from now on it is the reader's. */
void results_done(struct experiment_record *record);
void results_finished(void);

/* Appends to the arena (safe from several children at once); returns the offset, or 0 when it is full. */
uint64_t results_append(const void *bytes, uint64_t length_bytes);

/*
 * Fills in what every end of a run has: end, time, place, outputs since injection, recoveries, disk. The
 * verdict is set by the caller before. Marks the record done.
 */
void results_complete(struct experiment_record *record, enum end end);

/* How a run went on from some moment to its end, for another run that is the same from that moment on. */
struct results_moment {
    uint64_t output_bytes[OUTPUT_COUNT]; /* written since the outputs were silenced */
    uint64_t replies[SERVICES_MAX];
};

struct results_end {
    uint64_t code;
    uint64_t detail;
    int64_t time_ns;
    uint64_t rip;
    uint64_t disk_hash[2];
    bool disk_known;
    struct service_view view[SERVICES_MAX]; /* stage 0: nothing is shown of it */
    uint64_t replies[SERVICES_MAX];
    uint8_t *output[OUTPUT_COUNT];
    size_t output_bytes[OUTPUT_COUNT];
};

struct results_moment results_moment(void);
/* Here is the end, with a verdict; outputs are silenced. False when it cannot be noted. */
bool results_end_note(struct results_end *end, uint64_t code, uint64_t detail);
/* As results_complete(), for a run that goes on from here as the other did from `moment` to its `end`. */
void results_complete_as(struct experiment_record *record, const struct results_end *end,
                         const struct results_moment *moment);

/*
 * Notes where the outputs stand. To be called before the fork: afterwards the fork server goes on and writes
 * to the same files.
 */
void results_note_outputs(void);

/* Notes what the machine is doing, at injection. */
void results_injection(struct experiment_record *record);

/* What became of the faulty value or place, here and now. */
void results_activation(struct experiment_record *record, enum activation activation);

/* The kernel notes a failure. */
void results_failure(struct experiment_record *record);

/* A recovery that the kernel reported: its record, RECOVERY_BYTES long, is kept until results_complete(). */
void results_recovery(const uint8_t *record);
unsigned results_recovery_count(void);
const uint8_t *results_recovery_records(void);

#endif
